"""1 - SSIM and 1 - MS-SSIM on RGB (Wang 2004, 2003); the values are those of colorbench.metrics. Range: 0..2 and 0..1."""

from colorbench.losses.precision import full_precision
from colorbench.tensors import PerImage, Rgb


@full_precision
def ssim_loss(pred: Rgb, target: Rgb) -> PerImage:
    """1 - SSIM; pictures need 11 px a side."""
    from colorbench.metrics import ssim

    return 1 - ssim(pred, target)


@full_precision
def ms_ssim_loss(pred: Rgb, target: Rgb) -> PerImage:
    """1 - MS-SSIM; pictures need 161 px a side."""
    from colorbench.metrics import ms_ssim

    return 1 - ms_ssim(pred, target)
