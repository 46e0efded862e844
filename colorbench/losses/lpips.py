"""LPIPS as a loss (Zhang 2018); the value is that of colorbench.metrics, with finite gradients where features are zero.

The authors advise vgg for training and alex for judging. Range: >= 0, 0 for equal pictures.
"""

from colorbench.losses.precision import full_precision
from colorbench.tensors import PerImage, Rgb

DEFAULT_NET = "vgg"


def check_net(net: str = DEFAULT_NET) -> None:
    """Refuse an unknown backbone."""
    from colorbench.metrics.lpips import check_net as refuse_unknown

    refuse_unknown(net)


@full_precision
def lpips_loss(pred: Rgb, target: Rgb, *, net: str = DEFAULT_NET) -> PerImage:
    """LPIPS v0.1 with this backbone: `vgg`, `alex` or `squeeze`.

    Raises:
        WeightsMissing: when the backbone's weights are not to be had.
    """
    from colorbench.metrics import lpips

    return lpips(pred, target, net=net)
