import numpy as np
import pytest
import torch

from colorbench.losses import build_loss, colorfulness_loss
from colorbench.metrics import colorfulness

RGB = torch.rand(2, 3, 8, 9, generator=torch.Generator().manual_seed(0))


def ddcolor(rgb):
    """1 - CF of each picture as DDColor's code writes it, with NumPy's standard deviation over n - 1."""
    values = []
    for r, g, b in rgb.double().numpy():
        rg, yb = np.abs(r - g), np.abs(0.5 * (r + g) - b)
        values.append(1 - np.hypot(rg.std(ddof=1), yb.std(ddof=1)) - 0.3 * np.hypot(rg.mean(), yb.mean()))
    return np.array(values)


def test_the_default_is_the_value_of_ddcolors_code():
    np.testing.assert_allclose(colorfulness_loss(RGB), ddcolor(RGB), rtol=1e-5)
    other = RGB.flip(1) * 0.5
    np.testing.assert_allclose(
        colorfulness_loss(RGB, other, two_sided=True), np.abs(ddcolor(RGB) - ddcolor(other)), rtol=1e-4
    )


def test_the_signed_convention_is_the_metrics():
    torch.testing.assert_close(colorfulness_loss(RGB, convention="signed"), 1 - colorfulness(RGB) / 100)
    other = RGB.flip(1) * 0.5
    expected = (colorfulness(RGB) - colorfulness(other)).abs() / 100
    torch.testing.assert_close(colorfulness_loss(RGB, other, convention="signed", two_sided=True), expected)


@pytest.mark.parametrize("convention", ["ddcolor", "signed"])
def test_gray_pictures_and_single_pixels_are_finite(convention):
    for rgb in (RGB[:, :1].expand_as(RGB).clone(), RGB[..., :1, :1].clone()):
        rgb.requires_grad_()
        colorfulness_loss(rgb, convention=convention).sum().backward()
        assert rgb.grad.isfinite().all()
    assert colorfulness_loss(RGB, RGB, convention=convention, two_sided=True).abs().max() == 0


def test_two_sided_needs_a_target():
    with pytest.raises(ValueError, match="needs a target, got None"):
        colorfulness_loss(RGB, two_sided=True)


def test_an_unknown_convention_lists_the_known():
    with pytest.raises(ValueError, match="known: ddcolor, signed"):
        build_loss("colorfulness(convention='hasler')")
