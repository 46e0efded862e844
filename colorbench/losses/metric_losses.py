"""Metrics as losses: 1 - SSIM, 1 - MS-SSIM, LPIPS and CIEDE2000, with the values of colorbench.metrics.

Wang 2004 and 2003; Zhang 2018; Sharma, Wu, Dalal 2005. Gradients are finite where pictures are equal or gray. Range:
SSIM 0..2, MS-SSIM 0..1, LPIPS and delta E >= 0; all 0 for equal pictures. The authors of LPIPS advise vgg for training and
alex for judging.
"""

from colorbench.losses.inputs import takes_pictures
from colorbench.tensors import Lab, PerImage, Rgb

DEFAULT_NET = "vgg"


@takes_pictures(channels=3)
def ssim_loss(pred: Rgb, target: Rgb) -> PerImage:
    """1 - SSIM; pictures need 11 px per side."""
    from colorbench.metrics import ssim

    return 1 - ssim(pred, target)


@takes_pictures(channels=3)
def ms_ssim_loss(pred: Rgb, target: Rgb) -> PerImage:
    """1 - MS-SSIM; pictures need 161 px per side."""
    from colorbench.metrics import ms_ssim

    return 1 - ms_ssim(pred, target)


@takes_pictures(channels=3)
def lpips_loss(pred: Rgb, target: Rgb, *, net: str = DEFAULT_NET) -> PerImage:
    """LPIPS v0.1 with this backbone: `vgg`, `alex` or `squeeze`.

    Raises:
        WeightsMissing: if the backbone's weights are unavailable.
    """
    from colorbench.metrics import lpips

    return lpips(pred, target, net=net)


def check_net(net: str = DEFAULT_NET) -> None:
    """Refuse an unknown backbone of LPIPS."""
    from colorbench.metrics.lpips import check_net as refuse_unknown

    refuse_unknown(net)


@takes_pictures(channels=3, eight_bit=False)
def delta_e_2000_loss(pred: Lab, target: Lab) -> PerImage:
    """Mean CIEDE2000 of two Lab pictures."""
    from colorbench.metrics import delta_e_2000_lab

    return delta_e_2000_lab(pred, target).mean(dim=(1, 2))
