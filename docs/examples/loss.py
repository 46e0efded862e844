"""A loss of your own: `(pred, target, *, settings) -> (b,)`, and a row that says what it looks at."""

from torch import Tensor

from colorbench.losses.row import LossRow


def log_cosh(pred: Tensor, target: Tensor, *, scale: float = 10.0) -> Tensor:
    """Mean of log(cosh(scale * difference)) / scale: quadratic near 0, linear far away.

    Args:
        pred, target: ab divided by 110, `(b, 2, h, w)`.
        scale: where it turns from quadratic to linear, in 1 / (110 ab units).
    """
    distance = (scale * (pred - target)).abs()
    # log(cosh(x)) = x + log(1 + exp(-2 x)) - log(2), which does not overflow
    smooth = distance + (-2 * distance).exp().log1p() - 0.6931471805599453
    return smooth.flatten(1).mean(1) / scale


LOSSES = {
    "log-cosh": LossRow(
        "log-cosh", log_cosh, view="ab", unit="ab / 110", source="Chen et al. 2019, log hyperbolic cosine loss"
    ),
}
