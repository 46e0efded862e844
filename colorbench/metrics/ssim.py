"""Structural similarity on RGB, and its multi-scale form, per image.

Wang 2004 and 2003: Gaussian window of 11 taps, sigma 1.5, population covariance, K = (0.01, 0.03), only windows that
lie inside the picture; mean over the three channels. MS-SSIM: 5 scales, 2 x 2 average pooling between them, the last row
or column of an odd side repeated.

The window is separable and is unrolled into shifted adds: the compiler then fuses the whole of it, and no convolution
library is needed. Values are centered first, which keeps float32 variances exact.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from colorbench.color.fused import fused_by_picture
from colorbench.tensors import PerImage, Rgb, Rgb8, check_size, checked_pair

WINDOW_PX = 11
SIGMA = 1.5
C1, C2 = 0.01**2, 0.03**2
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MS_SSIM_LEAST_PX = (WINDOW_PX - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1
TINY = 1e-12
PADDINGS = ("replicate", "zero")


def _half_window() -> tuple[float, ...]:
    """The six different taps of the window, from the rim to the center."""
    taps = [math.exp(-((x - WINDOW_PX // 2) ** 2) / (2 * SIGMA**2)) for x in range(WINDOW_PX)]
    return tuple(tap / sum(taps) for tap in taps[: WINDOW_PX // 2 + 1])


TAPS = _half_window()


def ssim(pred: Rgb | Rgb8, target: Rgb | Rgb8) -> PerImage:
    """SSIM in [-1, 1]; 1 is identical. Pictures need 11 px per side.

    >>> import torch
    >>> round(ssim(torch.zeros(1, 3, 16, 16), torch.ones(1, 3, 16, 16)).item(), 6)
    0.0001
    """
    pred, target = checked_pair(pred, target)
    return ssim_of(structure(pred, target))


def ms_ssim(pred: Rgb | Rgb8, target: Rgb | Rgb8, padding: str = "replicate") -> PerImage:
    """MS-SSIM over five scales in [0, 1]. Pictures need 161 px per side.

    Args:
        pred: RGB.
        target: RGB.
        padding: what an odd side gets before it is halved. `replicate`: its last row or column again. `zero`: zeros on both
            sides, computed by the package pytorch-msssim: off by up to .03 at 161 px, .005 at 333 x 500. Even sides get none.

    Raises:
        PictureTooSmall: with the size it needs.
    """
    if padding not in PADDINGS:
        raise ValueError(f"unknown padding {padding!r}; known: {', '.join(PADDINGS)}")
    pred, target = checked_pair(pred, target)
    check_size(pred, MS_SSIM_LEAST_PX, "ms-ssim")
    if padding == "zero":
        import pytorch_msssim

        return pytorch_msssim.ms_ssim(pred.float(), target.float(), data_range=1, size_average=False)
    return ms_ssim_of(pred, target, structure(pred, target))


def structure(pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Mean SSIM and mean contrast-structure term of every channel, `(b, 3)` each, at this scale."""
    check_size(pred, WINDOW_PX, "ssim")
    return _structure(pred, target)


def ssim_of(terms: tuple[Tensor, Tensor]) -> PerImage:
    """SSIM from the terms of `structure`."""
    return terms[0].mean(dim=1)


def ms_ssim_of(pred: Tensor, target: Tensor, first: tuple[Tensor, Tensor]) -> PerImage:
    """MS-SSIM from both pictures and the terms of their full size."""
    terms = [first]
    for _ in SCALE_WEIGHTS[1:]:
        pred, target = _halved(pred), _halved(target)
        terms.append(_structure(pred, target))
    factors = [contrast for _, contrast in terms[:-1]] + [terms[-1][0]]
    return _weighted_product(factors, SCALE_WEIGHTS).mean(dim=1)


def _halved(x: Tensor) -> Tensor:
    odd_h, odd_w = (side % 2 for side in x.shape[-2:])
    return F.avg_pool2d(F.pad(x, (0, odd_w, 0, odd_h), mode="replicate") if odd_h or odd_w else x, 2)


def _weighted_product(factors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """prod max(f, 0)^w, with a finite gradient where a factor is not positive; NaN stays NaN."""
    powers = [
        torch.where(factor <= 0, torch.zeros_like(factor), factor.clamp_min(TINY) ** weight)
        for factor, weight in zip(factors, weights)
    ]
    return math.prod(powers[1:], start=powers[0])


@fused_by_picture
def _structure(pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    center = ((pred + target) / 2).mean(dim=(2, 3), keepdim=True).detach()
    x, y = pred - center, target - center
    mean_x, mean_y = _blur(x), _blur(y)
    variances = _blur(x * x + y * y) - mean_x * mean_x - mean_y * mean_y
    covariance = _blur(x * y) - mean_x * mean_y
    contrast = (2 * covariance + C2) / (variances + C2)
    mean_x, mean_y = mean_x + center, mean_y + center
    luminance = (2 * mean_x * mean_y + C1) / (mean_x * mean_x + mean_y * mean_y + C1)
    return (luminance * contrast).mean(dim=(2, 3)), contrast.mean(dim=(2, 3))


def _blur(x: Tensor) -> Tensor:
    """The Gaussian window, down the rows and then across, valid part only."""
    for dim in (2, 3):
        length = x.shape[dim] - WINDOW_PX + 1
        shifted = [x.narrow(dim, start, length) for start in range(WINDOW_PX)]
        total = shifted[WINDOW_PX // 2] * TAPS[-1]
        for tap, near, far in zip(TAPS[:-1], shifted, reversed(shifted)):
            total.add_(near, alpha=tap).add_(far, alpha=tap)
        x = total
    return x
