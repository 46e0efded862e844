from inspect import unwrap

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from colorbench.losses import discriminator_loss, generator_loss
from colorbench.losses.adversarial import MODES, penalty, r1_penalty, wgan_penalty

REAL = torch.randn(2, 1, 3, 4, generator=torch.Generator().manual_seed(0))
FAKE = torch.randn(2, 1, 3, 4, generator=torch.Generator().manual_seed(1))


def bce(logits, label):
    return F.binary_cross_entropy(logits.double().sigmoid(), torch.full_like(logits, label).double(), reduction="none")


EXPECTED = {
    "vanilla": (bce(FAKE, 1), bce(REAL, 1), bce(FAKE, 0)),
    "lsgan": ((FAKE - 1) ** 2, (REAL - 1) ** 2, FAKE**2),
    "hinge": (-FAKE, np.maximum(0, 1 - REAL.numpy()), np.maximum(0, 1 + FAKE.numpy())),
    "wgan-gp": (-FAKE, -REAL, FAKE),
    "r1": (bce(FAKE, 1), bce(REAL, 1), bce(FAKE, 0)),
}
EXPECTED |= {f"{mode}-mean": EXPECTED[mode] for mode in ("wgan-gp", "r1")}


@pytest.mark.parametrize("mode", MODES)
def test_against_the_definition(mode):
    generator, real, fake = (np.asarray(part).mean((1, 2, 3)) for part in EXPECTED[mode])
    np.testing.assert_allclose(generator_loss(FAKE, mode=mode), generator, rtol=1e-5)
    np.testing.assert_allclose(discriminator_loss(REAL, FAKE, mode=mode), (real + fake) / 2, rtol=1e-5, atol=1e-7)


def test_no_overflow():
    for logit in (-1e4, 1e4):
        for mode in MODES:
            assert generator_loss(torch.full((1, 1, 2, 2), logit), mode=mode).isfinite().all()


@pytest.mark.parametrize("of_mean", [False, True])
def test_penalties_of_a_linear_critic(of_mean):
    """A critic x w has gradient w everywhere, of the sum of its patches; of their mean w / n."""
    weight = torch.randn(3, 4, 5, dtype=torch.float64)
    norm = weight.square().sum().sqrt().item() / (20 if of_mean else 1)

    def critic(x):
        return (x * weight).sum(dim=1, keepdim=True)

    real, fake = torch.rand(2, 2, 3, 4, 5, dtype=torch.float64)
    half, gap = (torch.full((2,), value, dtype=torch.float64) for value in (norm**2 / 2, (norm - 1) ** 2))
    torch.testing.assert_close(r1_penalty(critic, real, of_mean), half)
    torch.testing.assert_close(wgan_penalty(critic, real, fake, of_mean), gap)
    suffix = "-mean" if of_mean else ""
    torch.testing.assert_close(penalty(critic, real, fake, f"r1{suffix}"), half)
    torch.testing.assert_close(penalty(critic, real, fake, f"wgan-gp{suffix}"), gap)
    assert penalty(critic, real, fake, "hinge") is None


def test_wgan_penalty_is_finite_for_a_flat_critic():
    scale = torch.zeros((), requires_grad=True)
    wgan_penalty(lambda x: x.mean(1, keepdim=True) * scale, REAL, FAKE).sum().backward()
    assert scale.grad.isfinite()


def test_unknown_mode():
    with pytest.raises(ValueError, match="known modes: vanilla, lsgan, hinge, wgan-gp, r1"):
        generator_loss(FAKE, mode="wgan")


@pytest.mark.parametrize(
    "wrong",
    [torch.zeros(1, 1, 4, 4), torch.zeros(2, 1, 4, 3), torch.zeros(2, 4, 4), torch.zeros(2, 1, 4, 4).int(), None],
)
def test_logits_that_do_not_fit_are_refused(wrong):
    with pytest.raises((TypeError, ValueError), match=r"wanted|real has shape"):
        unwrap(discriminator_loss)(torch.zeros(2, 1, 4, 4), wrong)  # without the type checks of these tests
    if wrong is None or wrong.ndim == 3 or not wrong.is_floating_point():
        with pytest.raises((TypeError, ValueError), match="fake"):
            unwrap(generator_loss)(wrong)
