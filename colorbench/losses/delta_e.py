"""CIEDE2000 as a loss (Sharma, Wu, Dalal 2005): mean over pixels in Lab, finite gradients at gray. Range: >= 0, delta E."""

from colorbench.losses.precision import full_precision
from colorbench.tensors import Lab, PerImage


@full_precision
def delta_e_2000_loss(pred: Lab, target: Lab) -> PerImage:
    """Mean CIEDE2000 of two Lab pictures."""
    from colorbench.metrics import delta_e_2000_lab

    return delta_e_2000_lab(pred, target).mean(dim=(1, 2))
