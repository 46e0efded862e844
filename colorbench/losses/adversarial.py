"""Adversarial losses on logits, a pair of lines per mode.

vanilla: Goodfellow 2014, non-saturating, BCE with logits. lsgan: Mao 2017. hinge: Lim 2017, Miyato 2018.
wgan-gp: Gulrajani 2017, penalty 10. r1: Mescheder 2018, the vanilla losses + gamma / 2 |gradient on real|^2, gamma 10.
The critic's loss is (real + fake) / 2, as in pix2pix, in every mode; penalties are added whole. A picture's value is the
mean of its patches. Range: unbounded below for hinge's generator and wgan-gp.

The penalized gradient is that of the sum of a picture's patches, as CycleGAN's and DDColor's code take it. `wgan-gp-mean`
and `r1-mean` take the gradient of their mean: smaller by the number of patches, its square by the square of that.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from colorbench.losses.inputs import full_precision
from colorbench.tensors import PerImage, checked_floats, same_shape

MODES = ("vanilla", "lsgan", "hinge", "wgan-gp", "r1", "wgan-gp-mean", "r1-mean")
PENALIZED = ("wgan-gp", "r1", "wgan-gp-mean", "r1-mean")
PENALTY = 10.0

PatchLogits = Float[Tensor, "b 1 h w"]
_MEAN = (1, 2, 3)
_CROSS_ENTROPY = ("vanilla", "r1", "r1-mean")


@full_precision
def generator_loss(fake: PatchLogits, *, mode: str = "vanilla") -> PerImage:
    """What the generator minimizes: the critic should classify its pictures as real.

    >>> generator_loss(torch.zeros(1, 1, 30, 30))
    tensor([0.6931])
    """
    fake = checked_floats(fake, "fake")
    if check_mode(mode) in _CROSS_ENTROPY:
        return F.softplus(-fake).mean(_MEAN)
    return (fake - 1).square().mean(_MEAN) if mode == "lsgan" else -fake.mean(_MEAN)


@full_precision
def discriminator_loss(real: PatchLogits, fake: PatchLogits, *, mode: str = "vanilla") -> PerImage:
    """What the critic minimizes, (real + fake) / 2, without the penalties of wgan-gp and r1.

    >>> discriminator_loss(torch.zeros(1, 1, 30, 30), torch.zeros(1, 1, 30, 30), mode="lsgan")
    tensor([0.5000])
    """
    real, fake = same_shape(checked_floats(real, "real"), checked_floats(fake, "fake"), "real", "fake")
    if check_mode(mode) in _CROSS_ENTROPY:
        on_real, on_fake = F.softplus(-real), F.softplus(fake)
    elif mode == "lsgan":
        on_real, on_fake = (real - 1).square(), fake.square()
    elif mode == "hinge":
        on_real, on_fake = F.relu(1 - real), F.relu(1 + fake)
    else:
        on_real, on_fake = -real, fake
    return (on_real.mean(_MEAN) + on_fake.mean(_MEAN)) / 2


def penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mode: str) -> PerImage | None:
    """The gradient penalty of a mode that has one, without its weight; None for the others."""
    if check_mode(mode) not in PENALIZED:
        return None
    of_mean = mode.endswith("-mean")
    return wgan_penalty(critic, real, fake, of_mean) if mode.startswith("wgan") else r1_penalty(critic, real, of_mean)


def wgan_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, of_mean: bool = False) -> PerImage:
    """(|gradient| - 1)^2 at a random point between each real and fake picture."""
    real, fake = same_shape(real, fake, "real", "fake")
    share = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
    gradient = _gradient(critic, share * real + (1 - share) * fake, of_mean)
    return (gradient.square().sum(_MEAN).add(1e-16).sqrt() - 1).square()


def r1_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, of_mean: bool = False) -> PerImage:
    """|gradient|^2 / 2 at the real pictures."""
    return _gradient(critic, real, of_mean).square().sum(_MEAN) / 2


def _gradient(critic: Callable[[Tensor], Tensor], pictures: Tensor, of_mean: bool) -> Tensor:
    """Of the sum (or mean) of each picture's patches."""
    pictures = pictures.detach().requires_grad_()
    logits = critic(pictures)
    values = logits.mean(_MEAN) if of_mean else logits
    return torch.autograd.grad(values.sum(), pictures, create_graph=True)[0]


def check_mode(mode: str) -> str:
    """The mode. Raises ValueError if it is unknown."""
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode!r} of patchgan; known modes: {', '.join(MODES)}")
    return mode
