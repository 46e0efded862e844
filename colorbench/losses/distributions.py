"""Distances between the color distributions of two pictures, which say nothing about where colors are.

`histogram`: the earth mover's distance between soft histograms of a and of b. Each pixel is shared linearly between the
two nearest of `bins` points over [-1, 1] (ab / 110), so the histogram moves smoothly with it. In one dimension the earth
mover's distance is the area between the cumulative sums; the two axes are added. Range: 0..4, ab / 110.

`sliced_wasserstein`: between the ab pixels as point clouds (Rabin 2011, Bonneel 2015). Along a direction the optimal
transport of equally many points pairs them in order, so it is a sort. The directions are spread evenly over the half
circle, which is more exact than as many random ones and the same at every call. Range: >= 0, ab / 110.

Use them beside a pixel loss.
"""

import math
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from colorbench.losses.inputs import takes_pictures
from colorbench.tensors import Ab, PerImage


@takes_pictures(channels=2, eight_bit=False)
def histogram(pred: Ab, target: Ab, *, bins: int = 64) -> PerImage:
    """Sum over the axes a and b of the earth mover's distance between soft histograms; ab / 110.

    Args:
        bins: points of the histogram; colors beyond +-1 count at the end points.
    """
    if bins < 2:
        raise ValueError(f"a histogram needs at least 2 bins, got {bins}")
    difference = soft_histogram(pred, bins) - soft_histogram(target, bins)
    return difference.cumsum(dim=2)[..., :-1].abs().sum(dim=(1, 2)) * (2 / (bins - 1))


def soft_histogram(ab: Ab, bins: int) -> Float[Tensor, "b 2 bins"]:
    """The share of pixels at each point, along each axis; sums to 1 over the points."""
    place = (ab.flatten(2).clamp(-1, 1) + 1) * ((bins - 1) / 2)
    lower = place.detach().floor().clamp(max=bins - 2).nan_to_num(0.0)  # NaN is no index; the shares stay NaN
    upper_share = place - lower
    empty = ab.new_zeros(*ab.shape[:2], bins)
    lower = lower.long()
    counts = empty.scatter_add(2, lower, 1 - upper_share).scatter_add(2, lower + 1, upper_share)
    return counts / place.shape[2]


@takes_pictures(channels=2, eight_bit=False)
def sliced_wasserstein(pred: Ab, target: Ab, *, projections: int = 64, power: int = 1) -> PerImage:
    """Mean over directions of the mean abs(difference)^power between sorted projections.

    Args:
        projections: number of directions.
        power: 1 (earth mover's) or 2 (squared; its square root is not taken).
    """
    if projections < 1 or power not in (1, 2):
        raise ValueError(f"sliced-wasserstein takes projections >= 1 and power 1 or 2, got {projections} and {power}")
    circle = _directions_on(projections, pred.device, pred.dtype)
    sorted_pred, sorted_target = (project(ab, circle).sort(dim=2).values for ab in (pred, target))
    return (sorted_pred - sorted_target).abs().pow(power).mean(dim=(1, 2))


def directions(count: int) -> Float[Tensor, "n 2"]:
    """Unit vectors at angles 0, pi / n, 2 pi / n ..., float64."""
    angles = torch.arange(count, dtype=torch.float64) * (math.pi / count)
    return torch.stack([angles.cos(), angles.sin()], dim=1)


@cache
def _directions_on(count: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Copied to a device once: a copy from the host waits for it."""
    with torch.inference_mode(False):
        return directions(count).to(device, dtype)


def project(ab: Ab, circle: Float[Tensor, "n 2"]) -> Float[Tensor, "b n pixels"]:
    """Every pixel's ab along every direction."""
    a, b = ab.flatten(2).unsqueeze(1).unbind(dim=2)
    return circle[:, :1] * a + circle[:, 1:] * b
