"""Pixel losses: mean over channels and pixels of a function of the difference, one value per picture; and total variation.

Range: `ab / 110` or RGB in [0, 1], as the `view` says. l1-siggraph17 sums over the two channels instead of averaging.
Sources: Huber 1964; Girshick 2015 (smooth L1); Charbonnier 1994, Lai 2017; Zhang 2017 (Real-Time User-Guided
Colorization, eq. 2); Rudin, Osher, Fatemi 1992 (total variation, here anisotropic).
"""

import math

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from colorbench.losses.inputs import takes_pictures
from colorbench.tensors import AB_SCALE, PerImage

Picture = Float[Tensor, "b c h w"]

SIGGRAPH17_DELTA = 1 / AB_SCALE  # one Lab unit


@takes_pictures()
def l1(pred: Picture, target: Picture) -> PerImage:
    """Mean absolute difference.

    >>> import torch
    >>> l1(torch.zeros(1, 2, 4, 4), torch.full((1, 2, 4, 4), 0.5))
    tensor([0.5000])
    """
    return (pred - target).abs().mean(dim=(1, 2, 3))


@takes_pictures()
def mse(pred: Picture, target: Picture) -> PerImage:
    """Mean squared difference."""
    return (pred - target).square().mean(dim=(1, 2, 3))


@takes_pictures()
def smooth_l1(pred: Picture, target: Picture, *, beta: float = 1.0) -> PerImage:
    """Squared / (2 beta) below `beta`, absolute - beta / 2 above."""
    return F.smooth_l1_loss(pred, target, beta=_positive(beta, "beta"), reduction="none").mean(dim=(1, 2, 3))


@takes_pictures()
def huber(pred: Picture, target: Picture, *, delta: float = 1.0) -> PerImage:
    """Squared / 2 below `delta`, delta (absolute - delta / 2) above."""
    return F.huber_loss(pred, target, delta=_positive(delta, "delta"), reduction="none").mean(dim=(1, 2, 3))


@takes_pictures()
def charbonnier(pred: Picture, target: Picture, *, eps: float = 1e-3) -> PerImage:
    """sqrt(difference^2 + eps^2): L1 with a smooth foot; equal pictures give eps, not 0."""
    return ((pred - target).square() + _positive(eps, "eps") ** 2).sqrt().mean(dim=(1, 2, 3))


@takes_pictures()
def l1_siggraph17(
    pred: Picture, target: Picture, *, delta: float = SIGGRAPH17_DELTA, slope_one: bool = False
) -> PerImage:
    """Huber summed over channels, mean over pixels.

    Args:
        delta: where the parabola ends; one Lab unit.
        slope_one: divide by delta, as the authors' code does: the same minimum at 1 / delta times the value.
    """
    loss = F.huber_loss(pred, target, delta=_positive(delta, "delta"), reduction="none").sum(dim=1)
    return loss.mean(dim=(1, 2)) / (delta if slope_one else 1)


@takes_pictures()
def total_variation(pred: Picture, target: Picture | None = None) -> PerImage:
    """Mean abs(difference) of vertical neighbors + that of horizontal ones. Range: >= 0.

    Looks at the prediction alone: a regularizer against splotches, beside another loss. The target is ignored.
    """
    return _mean_step(pred, dim=2) + _mean_step(pred, dim=3)


def _mean_step(picture: Tensor, dim: int) -> Tensor:
    """0 where a picture is one pixel wide."""
    steps = picture.diff(dim=dim)
    return steps.abs().sum(dim=(1, 2, 3)) / max(1, math.prod(steps.shape[1:]))


def _positive(value: float, name: str) -> float:
    if not value > 0:
        raise ValueError(f"{name} must be above 0, got {value}")
    return float(value)
