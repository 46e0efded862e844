"""Signed hue error: which way do the hues turn? Unit: degrees of the Lab hue circle, -180..180.

The hue h_ab = atan2(b*, a*) and the chroma are those of CIE 1976. An error is the turn from the photo's hue to the
prediction's the short way round: positive turns red to yellow to green to blue to purple (counterclockwise), negative the
other way; so skin that becomes yellow is positive, and sky that becomes purple is too. Only pixels whose chroma is at least
10 in both pictures have a hue to speak of: below, one level of 8 bits turns it by several degrees, and gray has none.
`hue_error_histogram` shows what a mean hides: two errors of opposite sign, or one group of pixels that is far off.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from colorbench.color import rgb_to_lab
from colorbench.color.fused import fused
from colorbench.tensors import Lab, PerImage, Rgb, Rgb8, checked_pair

LEAST_CHROMA = 10.0


def hue_bias(pred: Rgb | Rgb8, target: Rgb | Rgb8) -> PerImage:
    """Mean signed hue error in degrees over the pixels that have a hue in both pictures; 0 where none has.

    Cost: the conversion to Lab, which `score` shares, and one angle per pixel.

    >>> import torch
    >>> red, yellow = torch.tensor([[1.0, 0, 0], [1, 1, 0]]).reshape(2, 1, 3, 1, 1)
    >>> round(hue_bias(yellow, red).item(), 1), round(hue_bias(red, yellow).item(), 1)
    (62.9, -62.9)
    """
    pred, target = checked_pair(pred, target)
    return hue_bias_lab(rgb_to_lab(pred), rgb_to_lab(target))


def hue_bias_lab(pred: Lab, target: Lab) -> PerImage:
    """`hue_bias` from Lab."""
    turn, hued = _turns(pred, target)
    return (turn * hued).sum(dim=(1, 2)) / hued.sum(dim=(1, 2)).clamp_min(1)


def hue_error_histogram(
    pred: Rgb | Rgb8, target: Rgb | Rgb8, bins: int = 72
) -> tuple[Float[Tensor, "b bins"], Float[Tensor, " edges"]]:
    """The histogram of signed hue errors of each picture, and the bins' edges in degrees.

    Returns:
        Shares `(b, bins)` of the picture's pixels that have a hue in both pictures; a row sums to 1, or is 0 where none has.
        Edges `(bins + 1,)` from -180 to 180. The mean over a set's pictures is `shares.mean(dim=0)`.

    Raises:
        ValueError: fewer than 1 bin.
    """
    if bins < 1:
        raise ValueError(f"a histogram has at least 1 bin, got {bins}")
    pred, target = checked_pair(pred, target)
    turn, hued = _turns(rgb_to_lab(pred), rgb_to_lab(target))
    place = ((turn + 180) * (bins / 360)).nan_to_num(0.0).long().clamp(0, bins - 1)
    counts = turn.new_zeros(len(turn), bins).scatter_add_(1, place.flatten(1), (hued + 0 * turn).flatten(1))
    edges = torch.linspace(-180, 180, bins + 1, dtype=counts.dtype, device=counts.device)
    return counts / counts.sum(dim=1, keepdim=True).clamp_min(1), edges


@fused
def _turns(pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Signed hue errors in degrees `(b, h, w)`, and 1 where both pictures have a hue, else 0 (there the turn is 0).

    NaN counts as a hue, of an error of NaN.
    """
    (_, a, b), (_, true_a, true_b) = pred.unbind(1), target.unbind(1)
    least = LEAST_CHROMA**2
    gray = (a.square() + b.square() < least) | (true_a.square() + true_b.square() < least)
    along = torch.where(gray, 1.0, true_a * a + true_b * b)
    across = torch.where(gray, 0.0, true_a * b - true_b * a)
    return torch.atan2(across, along) * (180 / math.pi), (~gray).to(a)
