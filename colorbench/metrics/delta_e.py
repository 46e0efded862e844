"""Colour differences, mean over pixels, per image. One unit is about one just noticeable difference.

`delta_e_76`: Euclidean distance in Lab (CIE 1976). `delta_e_2000`: CIEDE2000 with kL = kC = kH = 1, after Sharma, Wu
and Dalal 2005, whose 34 pairs it meets. Gradients are finite everywhere, where a colour is gray too: a square root
or an angle of nothing has gradient 0.
"""

import math

import torch
from torch import Tensor

from colorbench.color import rgb_to_lab
from colorbench.color.fused import fused
from colorbench.metrics.shapes import one, two
from colorbench.tensors import Lab, PerImage, Rgb

POW25_7 = 25.0**7
NOTHING = 1e-24
"""Squared chroma below which a pixel is gray: without hue."""
HALF_TURN = math.pi + 2e-6
"""Opposite hues, give or take a rounding in float32: the mean hue is then the plain mean, as Sharma's pairs 10, 14
want."""


def delta_e_76(pred: Rgb, target: Rgb) -> PerImage:
    """Mean CIE 1976 difference.

    >>> import torch
    >>> round(delta_e_76(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)).item(), 2)
    100.0
    """
    pred, target = two(pred, target)
    return _mean(delta_e_76_lab(rgb_to_lab(pred), rgb_to_lab(target)))


def delta_e_2000(pred: Rgb, target: Rgb) -> PerImage:
    """Mean CIEDE2000 difference.

    >>> import torch
    >>> round(delta_e_2000(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)).item(), 2)
    100.0
    """
    pred, target = two(pred, target)
    return _mean(delta_e_2000_lab(rgb_to_lab(pred), rgb_to_lab(target)))


def delta_e_76_lab(pred: Lab, target: Lab) -> Tensor:
    """CIE 1976 difference of every pixel, `(b, h, w)`, from Lab."""
    pred, target = one(pred, "pred"), one(target, "target")
    return _distance(pred, target)


def delta_e_2000_lab(pred: Lab, target: Lab) -> Tensor:
    """CIEDE2000 of every pixel, `(b, h, w)`, from Lab.

    >>> import torch
    >>> blue = torch.tensor([50.0, 2.6772, -79.7751]).reshape(1, 3, 1, 1)
    >>> round(delta_e_2000_lab(blue, torch.tensor([50.0, 0.0, -82.7485]).reshape(1, 3, 1, 1)).item(), 4)
    2.0425
    """
    pred, target = one(pred, "pred"), one(target, "target")
    return _ciede2000(pred, target)


@fused
def _distance(pred: Tensor, target: Tensor) -> Tensor:
    return _root((pred - target).square().sum(dim=1))


def _mean(difference: Tensor) -> Tensor:
    return difference.mean(dim=(1, 2))


@fused
def _ciede2000(pred: Tensor, target: Tensor) -> Tensor:
    (l1, a1, b1), (l2, a2, b2) = pred.unbind(1), target.unbind(1)
    a1, a2 = _stretched(a1, b1, a2, b2)
    c1, c2 = _root(a1.square() + b1.square()), _root(a2.square() + b2.square())
    turn, hue = _hues(a1, b1, c1, a2, b2, c2)
    dl, dc = l2 - l1, c2 - c1
    dh = 2 * _root(c1 * c2) * torch.sin(turn / 2)
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    l50 = (lightness - 50).square()
    sl = 1 + 0.015 * l50 * (20 + l50).rsqrt()
    sc = 1 + 0.045 * chroma
    sh = 1 + 0.015 * chroma * _hue_weight(hue)
    dl, dc, dh = dl / sl, dc / sc, dh / sh
    rotation = -2 * _chroma_ratio(chroma) * torch.sin(2 * _blue_turn(hue))
    return _root(dl.square() + dc.square() + dh.square() + rotation * dc * dh)


def _stretched(a1: Tensor, b1: Tensor, a2: Tensor, b2: Tensor) -> tuple[Tensor, Tensor]:
    """a', which opens up the region around gray."""
    mean_chroma = (_root(a1.square() + b1.square()) + _root(a2.square() + b2.square())) / 2
    stretch = 1.5 - 0.5 * _chroma_ratio(mean_chroma)
    return a1 * stretch, a2 * stretch


def _chroma_ratio(chroma: Tensor) -> Tensor:
    """sqrt(C^7 / (C^7 + 25^7)), written so that neither a root nor a power of nothing is differentiated."""
    cube = chroma * chroma * chroma
    pow7 = cube * cube * chroma
    return cube * chroma.clamp_min(1e-12).sqrt() * (pow7 + POW25_7).rsqrt()


def _hues(a1, b1, c1, a2, b2, c2) -> tuple[Tensor, Tensor]:
    """From hue 1 to hue 2 the short way round, and the hue halfway, radians; a gray colour takes the other's hue."""
    gray1, gray2 = c1 <= 0, c2 <= 0
    h1, h2 = _angle(a1, b1, gray1), _angle(a2, b2, gray2)
    turn = h2 - h1
    turn = turn - (2 * math.pi) * ((turn > HALF_TURN).to(turn) - (turn < -HALF_TURN).to(turn))
    either = gray1 | gray2
    turn = turn.masked_fill(either, 0.0)
    return turn, torch.where(either, h1 + h2, h1 + turn / 2)


def _angle(a: Tensor, b: Tensor, gray: Tensor) -> Tensor:
    """Hue in [0, 2 pi); 0 for gray."""
    angle = torch.atan2(b.masked_fill(gray, 0.0), a.masked_fill(gray, 1.0))
    return angle + (2 * math.pi) * (angle < 0).to(angle)


def _hue_weight(hue: Tensor) -> Tensor:
    degree = math.pi / 180
    return (
        1
        - 0.17 * torch.cos(hue - 30 * degree)
        + 0.24 * torch.cos(2 * hue)
        + 0.32 * torch.cos(3 * hue + 6 * degree)
        - 0.20 * torch.cos(4 * hue - 63 * degree)
    )


def _blue_turn(hue: Tensor) -> Tensor:
    """Delta theta, radians: 30 degrees at hue 275, fading with a Gaussian of 25 degrees."""
    degrees = hue * (180 / math.pi)
    degrees = degrees + 360 * (degrees < 0).to(hue) - 360 * (degrees >= 360).to(hue)
    return math.radians(30) * torch.exp(-((degrees - 275) / 25).square())


def _root(x: Tensor) -> Tensor:
    """sqrt with value and gradient 0 at nothing."""
    something = x > NOTHING
    return torch.where(something, torch.where(something, x, 1.0).sqrt(), 0.0)
