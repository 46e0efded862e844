"""Peak signal-to-noise ratio, decibel, per image.

10 log10(peak^2 / MSE). On RGB the peak is 1; on ab it is 255, the range that papers on colorization use. Identical
images give inf, with gradient 0; the mean over images counts them apart. Never pooled: one MSE over many images reads
1.6 dB lower.
"""

import math

import torch
from torch import Tensor

from colorbench.color import rgb_to_lab
from colorbench.color.fused import fused
from colorbench.tensors import PerImage, Rgb, Rgb8, checked_pair

AB_RANGE = 255.0


def psnr(pred: Rgb | Rgb8, target: Rgb | Rgb8) -> PerImage:
    """PSNR over R, G and B, dB; inf for identical pictures.

    >>> import torch
    >>> round(psnr(torch.full((1, 3, 8, 8), 0.5), torch.full((1, 3, 8, 8), 0.6)).item(), 3)
    20.0
    """
    pred, target = checked_pair(pred, target)
    return _decibels(_mse(pred, target), peak=1.0)


def psnr_ab(pred: Rgb | Rgb8, target: Rgb | Rgb8) -> PerImage:
    """PSNR over a* and b* with range 255, dB."""
    pred, target = checked_pair(pred, target)
    return psnr_ab_lab(rgb_to_lab(pred), rgb_to_lab(target))


def psnr_ab_lab(pred: Tensor, target: Tensor) -> PerImage:
    """The same from Lab."""
    return _decibels(_mse_ab(pred, target), AB_RANGE)


def _decibels(mse: Tensor, peak: float) -> PerImage:
    """Of identical pictures inf. Gradient 0 where the error is below the smallest normal number, whose inverse overflows."""
    identical, tiny = mse == 0, mse < torch.finfo(mse.dtype).tiny
    mse = torch.where(tiny, mse.detach().where(~identical, 1.0), mse)
    return (20 * math.log10(peak) - 10 * torch.log10(mse)).masked_fill(identical, torch.inf)


@fused
def _mse(pred: Tensor, target: Tensor) -> Tensor:
    return (pred - target).square().mean(dim=(1, 2, 3))


@fused
def _mse_ab(pred: Tensor, target: Tensor) -> Tensor:
    return (pred[:, 1:] - target[:, 1:]).square().mean(dim=(1, 2, 3))
