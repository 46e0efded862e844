"""Colorfulness: against the gray average that pixel losses prefer (DDColor 2023, after Hasler & Suesstrunk 2003).

One-sided, DDColor's: 1 - CF / 100, which asks for more colour without end (below 0 past CF 100); the mean over
pictures, where their code sums. Two-sided: abs(CF - CF of the photo) / 100. CF is the metric `colorfulness`
(signed differences).
"""

from colorbench.losses.precision import full_precision
from colorbench.tensors import PerImage, Rgb

SCALE = 100.0


@full_precision
def colorfulness_loss(pred: Rgb, target: Rgb | None = None, *, two_sided: bool = False) -> PerImage:
    """1 - CF / 100, or abs(CF - CF of the target) / 100 when `two_sided`.

    Args:
        target: looked at only when `two_sided`.
    """
    from colorbench.metrics import colorfulness

    if not two_sided:
        return 1 - colorfulness(pred) / SCALE
    if target is None:
        raise ValueError("two-sided colorfulness compares with a target, got None")
    return (colorfulness(pred) - colorfulness(target)).abs() / SCALE
