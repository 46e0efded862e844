"""Strips show gray, entries and photo; their maps are zero where nothing is wrong; sizes stay below the limit."""

import numpy as np
import pytest

from colorbench.leaderboard.plots.pictures import (
    colorfulness_of,
    delta_e_of,
    gray_of,
    lab_of,
    photo_names,
    plot_strips,
    reduced,
    strip_entries,
    strip_photos,
    truth,
)


def test_a_strip_is_gray_the_entries_and_the_photo(results, draw):
    name = photo_names(results.board)[0]
    made = draw(plot_strips, results, after=([name],))
    shown = [ax.images[0].get_array() for ax in made.axes if ax.images and ax.images[0].get_array().ndim == 3]
    assert len(shown) == len(strip_entries(results)) + 2 == 6
    photo = truth(results.board, name)
    np.testing.assert_array_equal(shown[-1], photo)
    np.testing.assert_array_equal(shown[0], gray_of(photo))


def test_gray_keeps_the_lightness_and_no_color(results):
    photo = truth(results.board, photo_names(results.board)[0])
    gray = gray_of(photo)
    assert np.ptp(gray, axis=2).max() <= 1  # rounding to 8 bits
    assert np.abs(lab_of(gray)[0] - lab_of(photo)[0]).max() < 0.5
    assert colorfulness_of(gray) == pytest.approx(0, abs=1.0)


def test_the_error_is_the_distance_in_lab():
    red, black = (np.full((2, 2, 3), color, np.uint8) for color in ((255, 0, 0), (0, 0, 0)))
    assert delta_e_of(red, red).max() == 0
    np.testing.assert_allclose(delta_e_of(red, black), np.linalg.norm([53.24, 80.09, 67.20]), atol=0.05)


def test_large_pictures_are_reduced_in_their_shape():
    assert reduced(np.zeros((300, 600, 3), np.uint8), most=100).shape == (50, 100, 3)
    small = np.zeros((30, 60, 3), np.uint8)
    assert reduced(small, most=100) is small


def test_who_chooses_the_photos(results):
    names = photo_names(results.board)
    assert strip_photos(results.board, None, 2) == names[:2]
    assert strip_photos(results.board, [], 2) == []
    assert strip_photos(results.board, [names[3]], 2) == [names[3]]
    with pytest.raises(ValueError, match="no reference photo called nobody"):
        strip_photos(results.board, ["nobody"], 2)
