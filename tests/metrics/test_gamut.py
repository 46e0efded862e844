import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from colorbench.color import lab_to_rgb, rgb_to_lab
from colorbench.metrics import lightness_error, out_of_gamut, out_of_gamut_lab


def test_lightness_error_agrees_with_scikit_image(pair):
    labs = [rgb2lab(x.movedim(1, -1).double().numpy())[..., 0] for x in pair]
    np.testing.assert_allclose(lightness_error(*pair), np.abs(labs[0] - labs[1]).mean((1, 2)), atol=1e-3)


def test_changing_only_ab_keeps_the_lightness():
    lab = torch.tensor([50.0, 10.0, 10.0]).view(1, 3, 1, 1)
    other = torch.tensor([50.0, -10.0, 5.0]).view(1, 3, 1, 1)
    assert lightness_error(lab_to_rgb(lab), lab_to_rgb(other)).item() < 1e-3


def test_clipped_pixels_are_counted_and_grays_are_not():
    pixels = [[1, 1, 1], [0, 0, 0], [0.5, 0.5, 0.5], [1, 0.4, 0.2], [0.3, 0, 0.2], [1.2, 0.5, 0.5], [0.9, 0.5, 0.1]]
    rgb = torch.tensor(pixels, dtype=torch.float32).T.reshape(1, 3, 1, -1)
    assert out_of_gamut(rgb).item() == pytest.approx(3 / 7)


def test_lab_outside_srgb_is_counted_and_every_srgb_color_is_inside():
    cube = torch.cartesian_prod(*[torch.linspace(0, 1, 6)] * 3).T.reshape(1, 3, 6, 36)
    assert out_of_gamut_lab(rgb_to_lab(cube)).item() == 0
    lab = torch.tensor([[50.0, 0, 0], [50.0, 110, 110], [100.0, 20, 0], [60.0, 10, -10]]).T.reshape(1, 3, 1, 4)
    assert out_of_gamut_lab(lab).item() == 0.5
