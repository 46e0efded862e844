import numpy as np
import pytest

from colorbench.data.fit import fit_photo, make_preprocessing
from colorbench.photo import PhotoError
from tests.data.conftest import random_photo


def made(fit="crop", size_px=16, **settings):
    wanted = {"store_px": None, "tile_short_px": None, "min_px": None, "half": "", **settings}
    return make_preprocessing(fit, size_px, **wanted)


def test_crop_takes_the_middle():
    photo = random_photo(0, width=48, height=16)
    np.testing.assert_array_equal(fit_photo(photo, made(), "test")[0].transpose(1, 2, 0), photo[:, 16:32])


def test_squash_takes_everything():
    photo = np.zeros((32, 64, 3), dtype=np.uint8)
    photo[:, 32:] = 255
    pixels = fit_photo(photo, made("squash"), "train")
    assert pixels.shape == (1, 3, 16, 16)
    assert pixels[..., :4].max() < 8
    assert pixels[..., 12:].min() > 247


def test_scaling_is_antialiased():
    stripes = np.zeros((128, 128, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    assert fit_photo(stripes, made(), "test").std() < 12


def test_tiles_are_in_reading_order():
    photo = random_photo(0, width=70, height=32)
    tiles = fit_photo(photo, made("tiles", tile_short_px=32), "train")
    assert tiles.shape == (8, 3, 16, 16)
    np.testing.assert_array_equal(tiles[5].transpose(1, 2, 0), photo[16:32, 3 + 16 : 3 + 32])


def test_training_pictures_keep_a_margin():
    settings = made(store_px=20)
    assert fit_photo(random_photo(0), settings, "train").shape == (1, 3, 20, 20)
    assert fit_photo(random_photo(0), settings, "test").shape == (1, 3, 16, 16)


def test_tiny_photos_are_refused():
    assert fit_photo(random_photo(0, 8, 8), made(), "test").shape == (1, 3, 16, 16)
    with pytest.raises(PhotoError, match="too small: 9 x 7, the short side must have at least 8 px"):
        fit_photo(random_photo(0, 9, 7), made(), "test")
    assert fit_photo(random_photo(0, 3, 2), made(min_px=1), "test").shape == (1, 3, 16, 16)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fit": "zoom"}, "unknown fit 'zoom'; known: crop, squash, tiles"),
        ({"size_px": 7}, "at least 8"),
        ({"store_px": 15}, "store_px 15"),
        ({"fit": "tiles", "store_px": 20}, "equal to it for tiles"),
        ({"fit": "tiles", "tile_short_px": 15}, "at least one tile"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        made(**arguments)
