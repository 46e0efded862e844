"""Textures: values in [0, 1], and each repeats, alternates or varies as its name says."""

import numpy as np
import pytest

from colorbench.data.textures import TEXTURES

SIZE = 64


def noise(column, row):
    """A number in [0, 1) for each cell."""
    return np.mod(0.37 * column + 0.61 * row, 1.0)


def drawn(name, shift=(0.0, 0.0)):
    y, x = np.mgrid[0:SIZE, 0:SIZE] / 8  # eight pixels a period
    return TEXTURES[name](x + shift[0], y + shift[1], 2 * x / x.max() - 1, noise)


@pytest.mark.parametrize("name", TEXTURES)
def test_values_lie_between_0_and_1_and_vary(name):
    values = drawn(name)
    assert values.shape == (SIZE, SIZE)
    assert values.min() >= 0
    assert values.max() <= 1
    assert values.std() > 0.1


@pytest.mark.parametrize(
    ("name", "period"), [("stripes", (1, 0)), ("dots", (1, 0)), ("dots", (0, 1)), ("bricks", (1, 0))]
)
def test_a_period_brings_the_same_again(name, period):
    np.testing.assert_array_equal(drawn(name, period), drawn(name))
    assert not np.array_equal(drawn(name, (period[0] / 2, period[1] / 2)), drawn(name))


def test_stripes_and_checks_are_half_light():
    assert drawn("stripes").mean() == 0.5
    assert set(np.unique(drawn("stripes"))) == set(np.unique(drawn("checks"))) == {0.0, 1.0}
    assert np.array_equal(drawn("checks", (1 / 1.6, 0)), 1 - drawn("checks"))


def test_bricks_lie_in_mortar_and_dots_are_discs():
    assert drawn("bricks")[0].max() == 0  # a row of mortar
    assert np.mean(drawn("dots") == 1) == pytest.approx(0.07 * np.pi, abs=0.02)


def test_a_gradient_follows_the_object():
    assert np.array_equal(np.argsort(drawn("gradient")[0]), np.arange(SIZE))
