"""Adversarial losses on logits, one mode a pair of lines.

vanilla: Goodfellow 2014, non-saturating, BCE with logits. lsgan: Mao 2017. hinge: Lim 2017, Miyato 2018.
wgan-gp: Gulrajani 2017, penalty 10. r1: Mescheder 2018, the vanilla losses + gamma / 2 |gradient on real|^2,
gamma 10. The critic's loss is (real + fake) / 2, as in pix2pix, in every mode; penalties are added whole. A
picture's value is the mean of its patches, and the penalised gradient is that of this value. Range: unbounded
below for hinge's generator and wgan-gp.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from colorbench.losses.precision import full_precision
from colorbench.tensors import PerImage

MODES = ("vanilla", "lsgan", "hinge", "wgan-gp", "r1")
PENALISED = ("wgan-gp", "r1")
PENALTY = 10.0

PatchLogits = Float[Tensor, "b 1 h w"]
_MEAN = (1, 2, 3)


@full_precision
def generator_loss(fake: PatchLogits, *, mode: str = "vanilla") -> PerImage:
    """What the generator minimises: the critic should take its pictures for real.

    >>> generator_loss(torch.zeros(1, 1, 30, 30))
    tensor([0.6931])
    """
    if check_mode(mode) in ("vanilla", "r1"):
        return F.softplus(-fake).mean(_MEAN)
    return (fake - 1).square().mean(_MEAN) if mode == "lsgan" else -fake.mean(_MEAN)


@full_precision
def discriminator_loss(real: PatchLogits, fake: PatchLogits, *, mode: str = "vanilla") -> PerImage:
    """What the critic minimises, (real + fake) / 2, without the penalties of wgan-gp and r1.

    >>> discriminator_loss(torch.zeros(1, 1, 30, 30), torch.zeros(1, 1, 30, 30), mode="lsgan")
    tensor([0.5000])
    """
    if check_mode(mode) in ("vanilla", "r1"):
        on_real, on_fake = F.softplus(-real), F.softplus(fake)
    elif mode == "lsgan":
        on_real, on_fake = (real - 1).square(), fake.square()
    elif mode == "hinge":
        on_real, on_fake = F.relu(1 - real), F.relu(1 + fake)
    else:
        on_real, on_fake = -real, fake
    return (on_real.mean(_MEAN) + on_fake.mean(_MEAN)) / 2


def wgan_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> PerImage:
    """(|gradient| - 1)^2 at a random point between each real and fake picture."""
    share = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
    norm = _gradient(critic, share * real + (1 - share) * fake).square().sum(_MEAN).add(1e-16).sqrt()
    return (norm - 1).square()


def r1_penalty(critic: Callable[[Tensor], Tensor], real: Tensor) -> PerImage:
    """|gradient|^2 / 2 at the real pictures."""
    return _gradient(critic, real).square().sum(_MEAN) / 2


def _gradient(critic: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    pictures = pictures.detach().requires_grad_()
    values = critic(pictures).mean(_MEAN)
    return torch.autograd.grad(values.sum(), pictures, create_graph=True)[0]


def check_mode(mode: str) -> str:
    """The mode, when there is such a one."""
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode!r} of patchgan; known modes: {', '.join(MODES)}")
    return mode
