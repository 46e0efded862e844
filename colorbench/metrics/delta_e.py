"""Color differences, mean over pixels, per image. One unit is about one just noticeable difference.

`delta_e_76`: Euclidean distance in Lab (CIE 1976). `delta_e_2000`: CIEDE2000 with kL = kC = kH = 1, after Sharma, Wu
and Dalal 2005, whose 34 pairs it meets. Gradients are finite everywhere, where a color is gray too: a square root
or an angle of nothing has gradient 0.
"""

import math

import torch
from torch import Tensor

from colorbench.color import rgb_to_lab
from colorbench.color.fused import fused, fused_by_picture
from colorbench.tensors import Lab, PerImage, Rgb, Rgb8, checked_floats, checked_pair, same_shape

POW25_7 = 25.0**7
NOTHING = 1e-24
"""Squared chroma below which a pixel is gray: without hue."""
OPPOSITE = 4e-15
"""Sine of the angle within which hues in float64 count as exactly opposite: about 17 roundings. In float32 it is known."""


def delta_e_76(pred: Rgb | Rgb8, target: Rgb | Rgb8) -> PerImage:
    """Mean CIE 1976 difference.

    >>> import torch
    >>> round(delta_e_76(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)).item(), 2)
    100.0
    """
    pred, target = checked_pair(pred, target)
    return _mean(delta_e_76_lab(rgb_to_lab(pred), rgb_to_lab(target)))


def delta_e_2000(pred: Rgb | Rgb8, target: Rgb | Rgb8) -> PerImage:
    """Mean CIEDE2000 difference.

    >>> import torch
    >>> round(delta_e_2000(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)).item(), 2)
    100.0
    """
    pred, target = checked_pair(pred, target)
    return _mean(delta_e_2000_lab(rgb_to_lab(pred), rgb_to_lab(target)))


def delta_e_76_lab(pred: Lab, target: Lab) -> Tensor:
    """CIE 1976 difference of every pixel, `(b, h, w)`, from Lab."""
    return _distance(*_checked_labs(pred, target))


def delta_e_2000_lab(pred: Lab, target: Lab) -> Tensor:
    """CIEDE2000 of every pixel, `(b, h, w)`, from Lab.

    >>> import torch
    >>> blue = torch.tensor([50.0, 2.6772, -79.7751]).reshape(1, 3, 1, 1)
    >>> round(delta_e_2000_lab(blue, torch.tensor([50.0, 0.0, -82.7485]).reshape(1, 3, 1, 1)).item(), 4)
    2.0425
    """
    return _ciede2000(*_checked_labs(pred, target))


def _checked_labs(pred: Lab, target: Lab) -> tuple[Tensor, Tensor]:
    return same_shape(checked_floats(pred, "pred", 3), checked_floats(target, "target", 3))


@fused
def _distance(pred: Tensor, target: Tensor) -> Tensor:
    return _root((pred - target).square().sum(dim=1))


def _mean(difference: Tensor) -> Tensor:
    return difference.mean(dim=(1, 2))


@fused_by_picture
def _ciede2000(pred: Tensor, target: Tensor) -> Tensor:
    (l1, a1, b1), (l2, a2, b2) = pred.unbind(1), target.unbind(1)
    side = _side(a1, b1, a2, b2)
    stretch = _stretch(a1, b1, a2, b2)
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = _root(a1.square() + b1.square()), _root(a2.square() + b2.square())
    sine, hue_a, hue_b = _hues(a1, b1, c1, a2, b2, c2, side)
    dl, dc, dh = l2 - l1, c2 - c1, 2 * _root(c1 * c2) * sine
    l50, chroma = ((l1 + l2) / 2 - 50).square(), (c1 + c2) / 2
    dl = dl / (1 + 0.015 * l50 * (20 + l50).rsqrt())
    dc = dc / (1 + 0.045 * chroma)
    dh = dh / (1 + 0.015 * chroma * _hue_weight(hue_a, hue_b))
    rotation = -2 * _chroma_ratio(chroma) * torch.sin(2 * _blue_turn(hue_a, hue_b))
    return _root(dl.square() + dc.square() + dh.square() + rotation * dc * dh)


def _stretch(a1: Tensor, b1: Tensor, a2: Tensor, b2: Tensor) -> Tensor:
    """a' / a, which opens up the region around gray."""
    mean_chroma = (_root(a1.square() + b1.square()) + _root(a2.square() + b2.square())) / 2
    return 1.5 - 0.5 * _chroma_ratio(mean_chroma)


def _chroma_ratio(chroma: Tensor) -> Tensor:
    """sqrt(C^7 / (C^7 + 25^7)), written so that neither a root nor a power of nothing is differentiated."""
    cube = chroma * chroma * chroma
    pow7 = cube * cube * chroma
    return cube * chroma.clamp_min(1e-12).sqrt() * (pow7 + POW25_7).rsqrt()


def _side(a1: Tensor, b1: Tensor, a2: Tensor, b2: Tensor) -> Tensor:
    """On which side of hue 1, seen from gray, hue 2 lies: > 0 where it is the larger, 0 where both are on one line.

    Stretching a does not change it. Products of float32 are exact in float64, so that is its sign without tolerance.
    """
    wide = a1.dtype if a1.device.type == "mps" else torch.float64  # which Apple's GPUs do not have
    a1, b1 = a1.detach().to(wide), b1.detach().to(wide)
    return a1 * b2.detach() - b1 * a2.detach()


def _hues(a1, b1, c1, a2, b2, c2, side) -> tuple[Tensor, Tensor, Tensor]:
    """sin(turn / 2) from hue 1 to hue 2 the short way round, and the hue halfway as a unit vector.

    By vectors, without angles: below 90 degrees from the sum of both unit vectors, above from their difference, which is
    then the longer. A gray color takes the other's hue.
    """
    (x1, y1), (x2, y2) = _direction(a1, b1, c1), _direction(a2, b2, c2)
    gray1, gray2 = c1 <= 0, c2 <= 0
    x1, y1 = torch.where(gray1, x2, x1), torch.where(gray1, y2, y1)
    x2, y2 = torch.where(gray2, x1, x2), torch.where(gray2, y1, y2)
    cross, narrow = x1 * y2 - y1 * x2, x1 * x2 + y1 * y2 >= 0
    # exactly opposite hues turn from the smaller to the larger angle: Sharma's pairs 10 and 14
    opposite = cross.abs() <= OPPOSITE if cross.dtype == torch.float64 else side == 0
    rising = torch.where(opposite, (y1 > 0) | ((y1 == 0) & (x1 > 0)), side > 0)
    sign = torch.where(rising, 1.0, -1.0).to(cross)
    half_a = torch.where(narrow, x1 + x2, sign * (y2 - y1))
    half_b = torch.where(narrow, y1 + y2, sign * (x1 - x2))
    length = (half_a.square() + half_b.square()).sqrt()  # at least sqrt 2
    sine = torch.where(narrow, cross / length, sign * length / 2)
    return sine, half_a / length, half_b / length


def _direction(a: Tensor, b: Tensor, chroma: Tensor) -> tuple[Tensor, Tensor]:
    """The unit vector of a hue; (1, 0) for gray."""
    gray = chroma <= 0
    scale = 1 / torch.where(gray, 1.0, chroma)
    return torch.where(gray, 1.0, a * scale), torch.where(gray, 0.0, b * scale)


def _hue_weight(cos1: Tensor, sin1: Tensor) -> Tensor:
    """T = 1 - .17 cos(h - 30) + .24 cos 2h + .32 cos(3h + 6) - .20 cos(4h - 63), from cos h and sin h."""
    cos2, sin2 = 2 * cos1 * cos1 - 1, 2 * sin1 * cos1
    cos3, sin3 = cos1 * (2 * cos2 - 1), sin1 * (2 * cos2 + 1)
    cos4, sin4 = 2 * cos2 * cos2 - 1, 2 * sin2 * cos2
    first = _turned(cos1, sin1, -30, 0.17)
    return 1 - first + 0.24 * cos2 + _turned(cos3, sin3, 6, 0.32) - _turned(cos4, sin4, -63, 0.20)


def _turned(cosine: Tensor, sine: Tensor, degrees: int, weight: float) -> Tensor:
    """weight * cos(angle + degrees)."""
    turn = math.radians(degrees)
    return (weight * math.cos(turn)) * cosine - (weight * math.sin(turn)) * sine


def _blue_turn(cosine: Tensor, sine: Tensor) -> Tensor:
    """Delta theta, radians: 30 degrees at hue 275, fading with a Gaussian of 25 degrees."""
    degrees = torch.atan2(sine, cosine) * (180 / math.pi)
    degrees = torch.where(degrees < 0, degrees + 360, degrees)
    return math.radians(30) * torch.exp(-((degrees - 275) / 25).square())


def _root(x: Tensor) -> Tensor:
    """sqrt with value and gradient 0 at nothing; NaN stays NaN."""
    nothing = x <= NOTHING
    return torch.where(nothing, 0.0, torch.where(nothing, 1.0, x).sqrt())
