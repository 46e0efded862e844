import numpy as np
import pytest

from colorbench.data import PhotoSet
from colorbench.data.photoset import DULL, EXACT_GRAY, NARROW, color_flags
from tests.data.conftest import random_photo


def test_a_colored_photo_has_none():
    assert color_flags(random_photo(0).transpose(2, 0, 1)) == 0


def test_exact_gray():
    gray = np.repeat(random_photo(0).transpose(2, 0, 1)[:1], 3, axis=0)
    assert color_flags(gray) == EXACT_GRAY | NARROW | DULL


def test_one_strong_color_is_narrow_but_not_dull():
    assert color_flags(np.broadcast_to(np.array([200, 30, 30], np.uint8)[:, None, None], (3, 16, 16))) == NARROW


def test_one_colored_pixel_that_the_first_look_skips():
    pixels = np.full((3, 32, 32), 100, dtype=np.uint8)
    pixels[:, 1, 1] = (255, 0, 0)
    assert color_flags(pixels) == DULL


def test_dull_agrees_with_the_definition():
    photo = random_photo(3).astype(np.float64)
    for strength in (0.05, 0.1, 0.2, 0.3, 0.6):
        pixels = np.rint(photo.mean(2, keepdims=True) * (1 - strength) + photo * strength).astype(np.uint8)
        red, green, blue = pixels.transpose(2, 0, 1).astype(np.float64)
        rg, yb = red - green, (red + green) / 2 - blue
        m3 = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
        assert bool(color_flags(pixels.transpose(2, 0, 1)) & DULL) == (m3 < 15)


def test_from_pixels_wants_square_uint8():
    for pixels in (np.zeros((2, 3, 4, 4)), np.zeros((2, 3, 4, 5), np.uint8), np.zeros((2, 1, 4, 4), np.uint8)):
        with pytest.raises(ValueError, match="expected uint8"):
            PhotoSet.from_pixels(pixels)
