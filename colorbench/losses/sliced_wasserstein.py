"""Sliced Wasserstein distance between the ab pixels of two pictures, as clouds without places (Rabin 2011, Bonneel 2015).

Along a direction the optimal transport of equally many points pairs them in order, so it is a sort. The directions
are spread evenly over the half circle, which is exacter than as many random ones and the same at every call.
Range: >= 0, ab / 110.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from colorbench.losses.precision import full_precision
from colorbench.tensors import Ab, PerImage


@full_precision
def sliced_wasserstein(pred: Ab, target: Ab, *, projections: int = 64, power: int = 1) -> PerImage:
    """Mean over directions of the mean abs(difference)^power between sorted projections.

    Args:
        projections: number of directions.
        power: 1 (earth mover's) or 2 (squared; its square root is not taken).
    """
    if projections < 1 or power not in (1, 2):
        raise ValueError(f"sliced-wasserstein takes projections >= 1 and power 1 or 2, got {projections} and {power}")
    circle = directions(projections).to(pred)
    sorted_pred, sorted_target = (project(ab, circle).sort(dim=2).values for ab in (pred, target))
    return (sorted_pred - sorted_target).abs().pow(power).mean(dim=(1, 2))


def directions(count: int) -> Float[Tensor, "n 2"]:
    """Unit vectors at angles 0, pi / n, 2 pi / n ..., float64."""
    angles = torch.arange(count, dtype=torch.float64) * (math.pi / count)
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def project(ab: Ab, circle: Float[Tensor, "n 2"]) -> Float[Tensor, "b n pixels"]:
    """Every pixel's ab along every direction."""
    a, b = ab.flatten(2).unsqueeze(1).unbind(dim=2)
    return circle[:, :1] * a + circle[:, 1:] * b
