"""Total variation of the predicted ab: how much neighbours differ (Rudin, Osher, Fatemi 1992; anisotropic).

Looks at the prediction alone: a regulariser against splotches, beside another loss. Range: >= 0, ab / 110.
"""

from torch import Tensor

from colorbench.losses.precision import full_precision
from colorbench.tensors import Ab, PerImage


@full_precision
def total_variation(pred: Ab, target: Ab | None = None) -> PerImage:
    """Mean abs(difference) of vertical neighbours + that of horizontal ones; the target is not looked at."""
    return _mean_step(pred, dim=2) + _mean_step(pred, dim=3)


def _mean_step(ab: Ab, dim: int) -> Tensor:
    """0 where a picture is one pixel wide."""
    steps = ab.diff(dim=dim)
    return steps.abs().sum(dim=(1, 2, 3)) / max(1, steps[0].numel())
