"""Colorfulness: against the gray average that pixel losses prefer (DDColor 2023, after Hasler & Suesstrunk 2003).

One-sided: asks for more color without end. `convention="ddcolor"` (default) is the value of DDColor's code, 1 - CF / 255
with absolute differences abs(R - G), abs(yb) and the variance over n - 1 pixels, so their weight of 0.5 means here what it
means there; the mean over pictures, where their code sums. `convention="signed"` is 1 - CF / 100 with the metric
`colorfulness` (signed differences, variance over n pixels).

Two-sided: abs(CF - CF of the photo) / 255 or / 100, in the same two conventions.
"""

import torch

from colorbench.losses.inputs import takes_pictures
from colorbench.tensors import PerImage, Rgb

SCALES = {"ddcolor": 255.0, "signed": 100.0}


@takes_pictures(channels=3)
def colorfulness_loss(
    pred: Rgb, target: Rgb | None = None, *, convention: str = "ddcolor", two_sided: bool = False
) -> PerImage:
    """1 - CF / 255, or abs(CF - CF of the target) / 255 if `two_sided`.

    Args:
        pred: RGB in [0, 1].
        target: ignored unless `two_sided`.
        convention: `ddcolor` (the value of DDColor's code) or `signed` (1 - CF / 100, CF as the metric).
    """
    scale = SCALES[check_convention(convention)]
    found = measure(pred, convention)
    if not two_sided:
        return 1 - found / scale
    if target is None:
        raise ValueError("two-sided colorfulness needs a target, got None")
    return (found - measure(target, convention)).abs() / scale


def measure(rgb: Rgb, convention: str) -> PerImage:
    """CF of each picture."""
    from colorbench.metrics.colorfulness import MEAN_WEIGHT, colorfulness, root

    if convention == "signed":
        return colorfulness(rgb)
    red, green, blue = (255 * rgb).flatten(2).unbind(dim=1)
    planes = torch.stack([(red - green).abs(), ((red + green) / 2 - blue).abs()], dim=1)
    spread = planes.var(dim=2, correction=min(1, planes.shape[2] - 1))  # a single pixel has no spread
    return root(spread.sum(dim=1)) + MEAN_WEIGHT * root(planes.mean(dim=2).square().sum(dim=1))


def check_convention(convention: str = "ddcolor", two_sided: bool = False) -> str:
    """The convention. Raises ValueError if it is unknown."""
    if convention not in SCALES:
        raise ValueError(f"unknown convention {convention!r} of colorfulness; known: {', '.join(SCALES)}")
    return convention
