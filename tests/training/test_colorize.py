"""Colorizing photos of any size with a checkpoint; files that are no checkpoint."""

import numpy as np
import pytest
from PIL import Image

from colorbench.training.colorize import colorize, load_colorizer
from colorbench.training.train import train
from tests.training.cells import small_cell


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLORBENCH_CACHE", str(folder / "cache"))
        train(small_cell(), folder, metrics=("psnr",))
    return folder / "checkpoint.safetensors"


@pytest.mark.parametrize("size", [(40, 60), (7, 5), (16, 16), (33, 200)])
def test_size_and_lightness_stay(checkpoint, size):
    photo = np.random.default_rng(0).integers(60, 200, (*size, 3), dtype=np.uint8)
    gray = np.repeat(photo.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    colored = load_colorizer(checkpoint)(gray)
    assert colored.shape == gray.shape
    assert colored.dtype == np.uint8
    light = np.array([0.2126, 0.7152, 0.0722])
    assert abs((colored / 255.0) ** 2.2 @ light - (gray / 255.0) ** 2.2 @ light).mean() < 0.05


def test_unreadable_photos_are_named_and_left_out(checkpoint, tmp_path):
    Image.new("L", (20, 20), 99).save(tmp_path / "old.png")
    (tmp_path / "text.jpg").write_text("no picture")
    told = []
    written = colorize(
        checkpoint, [tmp_path / "old.png", tmp_path / "text.jpg"], tmp_path / "out", on_photo=lambda *t: told.append(t)
    )
    assert [path.name for path in written] == ["old.png"]
    assert "not a picture" in told[1][2]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a pickle", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint\.safetensors"):
        load_colorizer(path)


def test_absent_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="no checkpoint at"):
        load_colorizer(tmp_path / "none.safetensors")
