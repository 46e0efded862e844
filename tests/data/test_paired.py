import numpy as np
import pytest
from PIL import Image

from colorbench.data import load_dataset_photos
from colorbench.data.paired import color_half, find_paired
from colorbench.photo import PhotoError
from tests.data.conftest import random_photo


def pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    color = random_photo(seed, 32, 32)
    gray = np.repeat(np.asarray(Image.fromarray(color).convert("L"))[..., None], 3, axis=2)
    return gray, color


def write_pairs(folder, *, color_first=False):
    folder.mkdir()
    for seed in range(6):
        halves = pair(seed)[::-1] if color_first else pair(seed)
        Image.fromarray(np.concatenate(halves, axis=1)).save(folder / f"{seed}.png")
    return folder


@pytest.mark.parametrize(("color_first", "options"), [(False, {}), (True, {"half": "left"})])
def test_only_the_color_half_is_used(tmp_path, cache, color_first, options):
    folder = write_pairs(tmp_path / "pairs", color_first=color_first)
    photos = load_dataset_photos("paired", source=folder, size_px=32, **options)
    for side in (photos.train, photos.test):
        for name, pixels in zip(side.names, side.pixels):
            np.testing.assert_array_equal(pixels.transpose(1, 2, 0), pair(int(name[0]))[1])
    assert photos.report.gray == 0


def test_the_wrong_half_is_noticed(tmp_path, cache):
    folder = write_pairs(tmp_path / "pairs", color_first=True)
    with pytest.raises(ValueError, match=r"none of 6 pictures .*right half is gray .*use half='left'"):
        load_dataset_photos("paired", source=folder, size_px=32)


def test_no_pair_at_all():
    with pytest.raises(PhotoError, match="no side-by-side pair: 33 x 32"):
        color_half(random_photo(0, 33, 32), "right")
    with pytest.raises(PhotoError, match="no side-by-side pair: 20 x 32"):
        color_half(random_photo(0, 20, 32), "right")


def test_unknown_half(tree):
    with pytest.raises(ValueError, match="unknown half 'top'; known: right, left"):
        find_paired(tree, half="top")
