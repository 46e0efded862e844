"""Peak signal-to-noise ratio, decibel, per image.

10 log10(peak^2 / MSE). On RGB the peak is 1; on ab it is 255, the range that papers on colorization use. Identical
images give inf; the mean over images counts them apart. Never pooled: one MSE over many images reads 1.6 dB lower.
"""

import torch
from torch import Tensor

from colorbench.color import rgb_to_lab
from colorbench.color.fused import fused
from colorbench.metrics.shapes import two
from colorbench.tensors import PerImage, Rgb

AB_RANGE = 255.0


def psnr(pred: Rgb, target: Rgb) -> PerImage:
    """PSNR over R, G and B, dB; inf for identical pictures.

    >>> import torch
    >>> round(psnr(torch.full((1, 3, 8, 8), 0.5), torch.full((1, 3, 8, 8), 0.6)).item(), 3)
    20.0
    """
    pred, target = two(pred, target)
    return -10 * torch.log10(_mse(pred, target))


def psnr_ab(pred: Rgb, target: Rgb) -> PerImage:
    """PSNR over a* and b* with range 255, dB."""
    pred, target = two(pred, target)
    return psnr_ab_lab(rgb_to_lab(pred), rgb_to_lab(target))


def psnr_ab_lab(pred: Tensor, target: Tensor) -> PerImage:
    """The same from Lab."""
    return 10 * torch.log10(AB_RANGE**2 / _mse_ab(pred, target))


@fused
def _mse(pred: Tensor, target: Tensor) -> Tensor:
    return (pred - target).square().mean(dim=(1, 2, 3))


@fused
def _mse_ab(pred: Tensor, target: Tensor) -> Tensor:
    return (pred[:, 1:] - target[:, 1:]).square().mean(dim=(1, 2, 3))
