import pytest
import torch

from colorbench import metrics
from colorbench.losses import build_loss, lpips_loss

PRED = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("net", ["vgg", "alex", "squeeze"])
def test_value_is_the_metric_and_gradients_are_finite(net, pretrained):
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
