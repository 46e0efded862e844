"""Two checks on a prediction: does it keep the photo's lightness, and how much of it was clipped to sRGB."""

import torch
from torch import Tensor

from colorbench.color import lab_to_rgb, rgb_to_lab
from colorbench.color.fused import fused
from colorbench.tensors import Lab, PerImage, Rgb, Rgb8, checked_floats, checked_pair, checked_rgb

ROUNDING = 1e-4
"""Float32 conversions leave a color of the gamut's surface this far outside."""


def lightness_error(pred: Rgb | Rgb8, target: Rgb | Rgb8) -> PerImage:
    """Mean abs(L* of the prediction - L* of the photo), 0..100: a colorizer should leave the gray alone.

    >>> import torch
    >>> round(lightness_error(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)).item(), 2)
    100.0
    """
    pred, target = checked_pair(pred, target)
    return lightness_error_lab(rgb_to_lab(pred), rgb_to_lab(target))


def lightness_error_lab(pred: Tensor, target: Tensor) -> PerImage:
    """The same from Lab."""
    return _mean_gap(pred, target)


@fused
def _mean_gap(pred: Tensor, target: Tensor) -> Tensor:
    return (pred[:, 0] - target[:, 0]).abs().mean(dim=(1, 2))


def out_of_gamut(rgb: Rgb | Rgb8) -> PerImage:
    """Share of pixels clipped, [0, 1]: colored pixels with a channel at or beyond 0 or 1.

    In a finished picture the values beyond the limits lie on them. Black, white and every other gray are in gamut, so a
    burnt-out sky does not count. Before clipping, `out_of_gamut_lab` is the exact share.

    >>> import torch
    >>> out_of_gamut(torch.tensor([[1.0, 1.0], [1.0, 0.5], [1.0, 0.2]]).reshape(1, 3, 1, 2)).item()
    0.5
    """
    return _clipped(checked_rgb(rgb))


@fused
def _clipped(rgb: Tensor) -> Tensor:
    highest, lowest = rgb.amax(dim=1), rgb.amin(dim=1)
    clipped = ((highest >= 1) | (lowest <= 0)) & (highest > lowest)
    return (clipped.to(rgb) + 0 * highest).mean(dim=(1, 2))  # NaN stays NaN


def out_of_gamut_lab(lab: Lab) -> PerImage:
    """Share of pixels of a Lab prediction that no sRGB color shows."""
    rgb = lab_to_rgb(checked_floats(lab, "Lab", 3), clip=False)
    outside = (rgb < -ROUNDING) | (rgb > 1 + ROUNDING)
    return (torch.any(outside, dim=1).to(rgb) + 0 * rgb.sum(dim=1)).mean(dim=(1, 2))
