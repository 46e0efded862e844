"""CIE 1976 L*a*b*, D65 / 2 degrees.

Source: CIE 15:2004, eq. 8.3-8.6, with the exact rational knee (6/29)^3. L in [0, 100]; inside sRGB a is about
-86..98 and b -108..94.
"""

from typing import Literal

import torch
from torch import Tensor

from colorbench.color.gamut import clip_to_gamut
from colorbench.color.srgb import RGB_FROM_XYZ, XYZ_FROM_RGB, decode_gamma, encode_gamma, mix, unit_float
from colorbench.tensors import Lab, Rgb, Rgb8, Xyz

WHITE = (0.95047, 1.0, 1.08883)
KNEE = 6 / 29


def rgb_to_lab(rgb: Rgb | Rgb8) -> Lab:
    """sRGB `(b, 3, h, w)` in [0, 1] (or uint8) to Lab.

    >>> red = torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1)
    >>> [round(value, 2) for value in rgb_to_lab(red).flatten().tolist()]
    [53.24, 80.09, 67.2]
    """
    return _lab_from_xyz(mix(decode_gamma(unit_float(rgb, "RGB")), XYZ_FROM_RGB))


def lab_to_rgb(lab: Lab, clip: bool | Literal["soft"] = True) -> Rgb:
    """Lab `(b, 3, h, w)` to sRGB.

    Args:
        clip: True clips to [0, 1] (no gradient outside the gamut); "soft" has the same values, and a gradient
            that still points back into the gamut; False leaves what is outside (inside the Lab box: -27 ..
            1.86).
    """
    return clip_to_gamut(encode_gamma(mix(_xyz_from_lab(unit_float(lab, "Lab")), RGB_FROM_XYZ)), clip)


def xyz_to_lab(xyz: Xyz) -> Lab:
    """CIE XYZ `(b, 3, h, w)`, D65, to Lab."""
    return _lab_from_xyz(unit_float(xyz, "XYZ"))


def lab_to_xyz(lab: Lab) -> Xyz:
    """Lab `(b, 3, h, w)` to CIE XYZ, D65."""
    return _xyz_from_lab(unit_float(lab, "Lab"))


def _lab_from_xyz(xyz: Tensor) -> Tensor:
    fx, fy, fz = (_cube_root(channel / white) for channel, white in zip(xyz.unbind(1), WHITE))
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], dim=1)


def _xyz_from_lab(lab: Tensor) -> Tensor:
    lightness, a, b = lab.unbind(1)
    fy = (lightness + 16) / 116
    return torch.stack([white * _cube(f) for f, white in zip((fy + a / 500, fy, fy - b / 200), WHITE)], dim=1)


def _cube_root(ratio: Tensor) -> Tensor:
    curve = ratio.clamp(min=KNEE**3) ** (1 / 3)
    return torch.where(ratio > KNEE**3, curve, ratio / (3 * KNEE**2) + 4 / 29)


def _cube(f: Tensor) -> Tensor:
    return torch.where(f > KNEE, f * f * f, 3 * KNEE**2 * (f - 4 / 29))
