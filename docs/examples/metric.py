"""A metric of your own: `(pred, target) -> (b,)` on RGB pictures, and a row with its unit and direction."""

from torch import Tensor

from colorbench.color import rgb_to_lab
from colorbench.metrics.row import MetricRow


def chroma_error(pred: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of CIE chroma, `sqrt(a^2 + b^2)`, per picture.

    Args:
        pred, target: sRGB in [0, 1], `(b, 3, h, w)`.
    """
    pred_chroma, true_chroma = (rgb_to_lab(rgb)[:, 1:].square().sum(1).add(1e-12).sqrt() for rgb in (pred, target))
    return (pred_chroma - true_chroma).abs().flatten(1).mean(1)


METRICS = {
    "chroma-error": MetricRow(
        "chroma-error", chroma_error, unit="Lab", higher_is_better=False, source="CIE 15:2018, C*ab"
    ),
}
