import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from colorbench.color import rgb_to_lab
from colorbench.metrics import psnr, psnr_ab


def test_per_image_values_are_those_of_scikit_image(pair):
    pred, target = pair
    expected = [
        peak_signal_noise_ratio(t.double().numpy(), p.double().numpy(), data_range=1) for p, t in zip(pred, target)
    ]
    np.testing.assert_allclose(psnr(pred, target), expected, atol=1e-5)


def test_identical_pictures_are_infinite(pair):
    pred = pair[0].clone().requires_grad_()
    for measure in (psnr, psnr_ab):
        value = measure(pred, pair[0])
        assert value.isposinf().all()
        assert torch.autograd.grad(value.sum(), pred)[0].abs().max() == 0


@pytest.mark.parametrize("measure", [psnr, psnr_ab])
@pytest.mark.parametrize("distance", [1e-23, 1e-21, 1e-20, 1e-19, 1e-12, 1e-8])
def test_nearly_identical_pictures_have_finite_gradients(measure, distance):
    target = torch.zeros(2, 3, 8, 8)
    pred = torch.full_like(target, distance)
    pred[0, :, :4] = 0
    pred.requires_grad_()
    assert torch.autograd.grad(measure(pred, target).sum(), pred)[0].isfinite().all()


def test_the_mean_over_images_is_not_the_psnr_of_the_pooled_error():
    target = torch.full((2, 3, 8, 8), 0.5)
    pred = target + torch.tensor([0.01, 0.1]).view(2, 1, 1, 1)
    pooled = 10 * torch.log10(1 / (pred - target).square().mean())
    assert psnr(pred, target).mean().item() == pytest.approx(30.0, abs=1e-3)
    assert pooled.item() == pytest.approx(22.967, abs=1e-3)


def test_psnr_ab_has_range_255_and_ignores_lightness(pair):
    pred, target = pair
    error = (rgb_to_lab(pred.double()) - rgb_to_lab(target.double()))[:, 1:].square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(psnr_ab(pred, target).double(), 10 * torch.log10(255**2 / error), atol=1e-4, rtol=0)
    gray, lighter = torch.full((1, 3, 4, 4), 0.3), torch.full((1, 3, 4, 4), 0.7)
    assert psnr_ab(gray, lighter).item() > 80
