import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from colorbench.color import densify, soft_encode
from colorbench.losses import classification, focal

LOGITS = 3 * torch.randn(2, 313, 3, 3, generator=torch.Generator().manual_seed(0))
AB = 40 * torch.randn(2, 2, 12, 12, generator=torch.Generator().manual_seed(1))


def test_against_numpy():
    log_share = log_softmax(LOGITS.double().numpy(), axis=1)
    target = densify(*soft_encode(AB[:, :, ::4, ::4])).numpy()
    expected = -(target * (1 - np.exp(log_share)) ** 2 * log_share).sum(1).mean((1, 2))
    np.testing.assert_allclose(focal(LOGITS, AB), expected, rtol=1e-5)


def test_gamma_0_is_cross_entropy():
    torch.testing.assert_close(focal(LOGITS, AB, gamma=0.0), classification(LOGITS, AB))


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_sure_and_right_has_a_finite_gradient(gamma):
    indices, _ = soft_encode(AB[:, :, ::4, ::4], k=1)
    sure = torch.zeros_like(LOGITS).scatter(1, indices, 1000.0).requires_grad_()
    focal(sure, AB, gamma=gamma, k=1).sum().backward()
    assert sure.grad.isfinite().all()


def test_negative_gamma():
    with pytest.raises(ValueError, match="at least 0, got -1"):
        focal(LOGITS, AB, gamma=-1.0)
