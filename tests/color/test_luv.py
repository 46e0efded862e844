import pytest
import torch
from skimage import color as skimage_color

from colorbench.color import luv_to_rgb, luv_to_xyz, rgb_to_luv, rgb_to_xyz, xyz_to_luv


def test_agrees_with_scikit_image_up_to_its_rounded_slope(rgb):
    expected = torch.from_numpy(skimage_color.rgb2luv(rgb.numpy(), channel_axis=1))
    assert (rgb_to_luv(rgb) - expected).abs().max() < 1e-3


def test_round_trips(rgb):
    luv = rgb_to_luv(rgb)
    torch.testing.assert_close(luv_to_rgb(luv), rgb, atol=1e-10, rtol=0)
    torch.testing.assert_close(xyz_to_luv(rgb_to_xyz(rgb)), luv)
    torch.testing.assert_close(luv_to_xyz(luv), rgb_to_xyz(rgb), atol=1e-10, rtol=0)


def test_float32_error_is_below_1e_4_luv_and_1e_6_rgb(rgb):
    luv = rgb_to_luv(rgb)
    assert (rgb_to_luv(rgb.float()) - rgb_to_luv(rgb.float().double())).abs().max() < 1e-4
    assert (luv_to_rgb(luv.float()) - luv_to_rgb(luv.float().double())).abs().max() < 1e-6


@pytest.mark.parametrize("function", [rgb_to_luv, luv_to_rgb, xyz_to_luv, luv_to_xyz])
def test_values_and_gradients_are_finite_everywhere(function):
    colors = torch.tensor([[0.0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [0, 60, -90], [1, 0, 0], [50, 0, -300]])
    colors = colors.reshape(-1, 3, 1, 1).requires_grad_()
    converted = function(colors)
    (gradient,) = torch.autograd.grad(converted.sum(), colors)
    assert converted.isfinite().all()
    assert gradient.isfinite().all()


def test_gradcheck():
    colors = torch.rand(1, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1
    assert torch.autograd.gradcheck(rgb_to_luv, colors.requires_grad_())
    assert torch.autograd.gradcheck(lambda luv: luv_to_rgb(luv, "soft"), rgb_to_luv(colors.detach()).requires_grad_())


def test_wrong_luv_is_refused(unchecked):
    with pytest.raises(ValueError, match="Luv has shape"):
        luv_to_rgb(torch.zeros(3, 4, 4))
    with pytest.raises(ValueError, match="clip is True, False or 'soft'"):
        luv_to_rgb(torch.zeros(1, 3, 4, 4), "no")
