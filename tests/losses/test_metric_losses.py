import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000

from colorbench import metrics
from colorbench.losses import build_loss, delta_e_2000_loss, lpips_loss, ms_ssim_loss, ssim_loss

PRED = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_structure_is_one_minus_the_metric():
    pred = torch.rand(2, 3, 168, 170, generator=torch.Generator().manual_seed(0))
    target = (pred + 0.2 * torch.randn(2, 3, 168, 170, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    torch.testing.assert_close(ssim_loss(pred, target), 1 - metrics.ssim(pred, target))
    torch.testing.assert_close(ms_ssim_loss(pred, target), 1 - metrics.ms_ssim(pred, target))


@pytest.mark.parametrize("net", ["vgg", "alex", "squeeze"])
def test_lpips_is_the_metric_and_gradients_are_finite(net, weights):
    torch.testing.assert_close(lpips_loss(PRED, 1 - PRED, net=net), metrics.lpips(PRED, 1 - PRED, net=net))
    for start in (PRED, torch.zeros_like(PRED), torch.ones_like(PRED)):
        pred = start.clone().requires_grad_()
        lpips_loss(pred, start, net=net).sum().backward()
        assert pred.grad.isfinite().all()
        lpips_loss(pred, torch.full_like(PRED, 0.5), net=net).sum().backward()
        assert pred.grad.isfinite().all()


def test_unknown_backbone():
    with pytest.raises(KeyError, match="known: alex, vgg, squeeze"):
        build_loss("lpips(net='vgg16')")


def test_delta_e_against_scikit_image():
    generator = np.random.default_rng(0)
    pred, target = generator.uniform([0, -80, -80], [100, 80, 80], (2, 2, 6, 7, 3))
    expected = deltaE_ciede2000(target, pred).mean((1, 2))
    tensors = (torch.from_numpy(lab).movedim(-1, 1) for lab in (pred, target))
    np.testing.assert_allclose(delta_e_2000_loss(*tensors), expected, atol=5e-5)
