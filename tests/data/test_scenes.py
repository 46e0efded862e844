"""Generated scenes: the same bytes everywhere, one color per object, colors that the lightness does not give away."""

import hashlib

import numpy as np
import pytest
import torch

from colorbench.color import rgb_to_lab
from colorbench.color.mixture import Mixture
from colorbench.data.mixtures import MATERIALS
from colorbench.data.scenes import LIGHTNESS, TEXTURES, Material, draw_scene

FIRST_SCENES = "ef679bb5a0108000b1aa3493cfbf1099658a1ae474c375d2c551f42f6a57c64f"


def lab_of(pixels):
    return rgb_to_lab(torch.from_numpy(np.array(pixels))[None].double() / 255)[0].numpy()


def test_the_first_scenes_are_the_same_bytes_everywhere():
    digest = hashlib.sha256()
    for size in (32, 48):
        for index in range(20):
            digest.update(draw_scene(0, index, size, MATERIALS).pixels.tobytes())
    assert digest.hexdigest() == FIRST_SCENES


def test_an_object_has_one_color_and_its_lightness_stays_in_range():
    for index in range(12):
        scene = draw_scene(1, index, 48, MATERIALS)
        lightness, a, b = lab_of(scene.pixels)
        assert LIGHTNESS[0] - 0.6 < lightness.min()
        assert lightness.max() < LIGHTNESS[1] + 0.6
        for number, (place, mode) in enumerate(zip(scene.materials, scene.modes)):
            where = scene.objects == number
            if where.any():
                assert a[where].std() < 0.6
                assert b[where].std() < 0.6
                drawn = MATERIALS[place].mixture.modes[mode]
                assert np.hypot(a[where].mean() - drawn[0], b[where].mean() - drawn[1]) < 10


def test_colors_come_from_the_mixture_and_not_from_lightness(unchecked):
    modes, pixels, where = [], [], []
    place = [material.name for material in MATERIALS].index("table")
    for index in range(500):
        scene = draw_scene(0, index, 16, MATERIALS)
        if place in scene.materials:
            number = scene.materials.index(place)
            if (scene.objects == number).any():
                modes.append(scene.modes[number])
                pixels.append(scene.pixels)
                where.append(scene.objects == number)
    lightness = rgb_to_lab(torch.from_numpy(np.stack(pixels)).double() / 255)[:, 0].numpy()
    means = [plane[mask].mean() for plane, mask in zip(lightness, where)]
    assert len(modes) > 220
    assert np.mean(np.array(modes) == 0) == pytest.approx(0.7, abs=0.07)
    assert abs(np.corrcoef(modes, means)[0, 1]) < 0.16


def test_the_layout_does_not_depend_on_the_size():
    small, large = draw_scene(3, 5, 32, MATERIALS), draw_scene(3, 5, 256, MATERIALS)
    assert (small.materials, small.modes) == (large.materials, large.modes)
    assert np.mean(small.objects == large.objects[4::8, 4::8]) > 0.98
    assert 3 <= len(small.materials) <= 6


def test_a_material_of_an_unknown_texture_is_refused():
    with pytest.raises(ValueError, match="unknown texture 'fur'; known textures: gradient"):
        Material("bear", "fur", Mixture(((0.0, 0.0),), (1.0,)))


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
