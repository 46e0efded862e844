"""Histogram: the earth mover's distance between soft histograms of a and of b, in each picture.

Each pixel is shared linearly between the two nearest of `bins` points over [-1, 1] (ab / 110), so the histogram
moves smoothly with it. In one dimension the earth mover's distance is the area between the cumulative sums; the
two axes are added. Says nothing about where colours are: use it beside a pixel loss. Range: 0..4, ab / 110.
"""

from jaxtyping import Float
from torch import Tensor

from colorbench.losses.precision import full_precision
from colorbench.tensors import Ab, PerImage


@full_precision
def histogram(pred: Ab, target: Ab, *, bins: int = 64) -> PerImage:
    """Sum over the axes a and b of the earth mover's distance between soft histograms; ab / 110.

    Args:
        bins: points of the histogram; colours beyond +-1 count at the end points.
    """
    if bins < 2:
        raise ValueError(f"a histogram needs at least 2 bins, got {bins}")
    difference = soft_histogram(pred, bins) - soft_histogram(target, bins)
    return difference.cumsum(dim=2)[..., :-1].abs().sum(dim=(1, 2)) * (2 / (bins - 1))


def soft_histogram(ab: Ab, bins: int) -> Float[Tensor, "b 2 bins"]:
    """The share of pixels at each point, along each axis; sums to 1 over the points."""
    place = (ab.flatten(2).clamp(-1, 1) + 1) * ((bins - 1) / 2)
    lower = place.detach().floor().clamp(max=bins - 2)
    upper_share = place - lower
    empty = ab.new_zeros(*ab.shape[:2], bins)
    lower = lower.long()
    counts = empty.scatter_add(2, lower, 1 - upper_share).scatter_add(2, lower + 1, upper_share)
    return counts / place.shape[2]
