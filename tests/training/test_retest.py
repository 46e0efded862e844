"""A finished cell tested again: the same photos give the same pictures, other checkpoints and gray photos are refused."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from colorbench.cell import Recipe
from colorbench.data import load_protocol_photos
from colorbench.files import CHECKPOINT, PREDICTIONS
from colorbench.photo import PhotoError, decode_photo
from colorbench.record import read_record
from colorbench.training.retest import load_all_photos, needs_mean_ab, rescore, retest_cell
from colorbench.training.train import train
from tests.training.cells import small_cell, small_protocol


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A trained cell's folder; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLORBENCH_CACHE", str(folder / "cache"))
        patch.setenv("COLORBENCH_COMPILE", "0")
        train(small_cell(), folder / "run", metrics=("psnr",))
    return folder / "run"


def retest_of(record):
    return record.cell.model_copy(update={"retest_of": record.key, "data_hash": "e" * 64})


def test_on_its_own_test_photos_a_cell_makes_the_same_pictures(finished, tmp_path):
    record, test = read_record(finished / "record.json"), load_protocol_photos(small_protocol()).test
    made = retest_cell(record, finished, retest_of(record), tmp_path, test, ["psnr"])
    assert read_record(tmp_path / "record.json") == made
    assert made.scores["psnr"] == record.scores["psnr"]
    assert (made.key != record.key, made.cost.train_seconds) == (True, record.cost.train_seconds)
    for name in test.ids:
        old, new = (decode_photo(place / PREDICTIONS / f"{name}.png") for place in (finished, tmp_path))
        assert np.array_equal(old, new)


def test_another_checkpoint_and_none_are_refused(finished, tmp_path):
    record, test = read_record(finished / "record.json"), load_protocol_photos(small_protocol()).test
    with pytest.raises(ValueError, match=f"no {CHECKPOINT}"):
        retest_cell(record, tmp_path, retest_of(record), tmp_path / "out", test, ["psnr"])
    content = bytearray((finished / CHECKPOINT).read_bytes())
    content[-1] ^= 1
    (tmp_path / CHECKPOINT).write_bytes(content)
    with pytest.raises(ValueError, match="its record says"):
        retest_cell(record, tmp_path, retest_of(record), tmp_path / "out", test, ["psnr"])


def test_a_failed_cell_counts_as_gray(finished, tmp_path):
    test = load_protocol_photos(small_protocol()).test
    failed = read_record(finished / "record.json").model_copy(update={"status": "nan"})
    made = retest_cell(failed, finished, retest_of(failed), tmp_path, test, ["colorfulness"])
    assert made.status == "nan"
    assert made.scores["colorfulness"].value == pytest.approx(0, abs=1.0)  # rounding to 8 bits


def test_a_new_metric_is_scored_on_the_stored_pictures(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")
    before = read_record(folder / "record.json")
    record = rescore(before.cell, folder, metrics=("psnr", "ssim"))
    assert record.scores["psnr"] == before.scores["psnr"]
    assert 0 < record.scores["ssim"].value < 1
    assert len(record.supersedes) == 64
    assert read_record(folder / "record-1.json") == before
    shutil.rmtree(folder / PREDICTIONS)
    with pytest.raises(PhotoError, match="no such file"):
        rescore(before.cell, folder, metrics=("psnr",))


def test_which_baselines_look_at_the_mean_color():
    test = load_protocol_photos(small_protocol()).test
    assert {name: needs_mean_ab(name, test) for name in ("gray", "mean-ab", "oracle-quarter")} == {
        "gray": False, "mean-ab": True, "oracle-quarter": False
    }  # fmt: skip


def test_a_baseline_without_the_mean_color_says_what_it_needs(tmp_path):
    test = load_protocol_photos(small_protocol()).test
    cell = small_cell(recipe=Recipe(generator="mean-ab"))
    record = train(cell, tmp_path / "run", metrics=("psnr",))
    with pytest.raises(ValueError, match="--train-data"):
        retest_cell(record, tmp_path / "run", retest_of(record), tmp_path / "out", test, ["psnr"])
    made = retest_cell(
        record, tmp_path / "run", retest_of(record), tmp_path / "out", test, ["psnr"], mean_ab=torch.zeros(2)
    )
    gray = retest_cell(
        record.model_copy(update={"status": "nan", "cell": small_cell(), "key": small_cell().key}),
        tmp_path, retest_of(record), tmp_path / "gray", test, ["psnr"],
    )  # fmt: skip
    assert made.scores["psnr"].value == pytest.approx(gray.scores["psnr"].value)


def test_all_photos_are_both_sides_in_the_order_of_their_ids(tmp_path):
    split = load_protocol_photos(small_protocol(limit_train=None, limit_test=None))
    whole, digest, told = load_all_photos(small_protocol(), None)
    assert whole.ids == sorted([*split.train.ids, *split.test.ids])
    assert whole.pixels.shape == (len(whole), 3, 16, 16)
    assert len(digest) == 64
    assert told
    for k in range(3):
        shade = np.random.default_rng(k).integers(0, 256, (6, 6), dtype=np.uint8)
        Image.fromarray(shade).resize((40, 40)).save(tmp_path / f"{k}.png")
    with pytest.raises(ValueError, match=r"all 3 photos .* are gray"):
        load_all_photos(small_protocol(dataset="folder", fit="crop"), tmp_path)
