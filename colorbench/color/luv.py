"""CIE 1976 L*u*v*, D65 / 2 degrees.

Source: CIE 15:2004, eq. 8.24-8.29. L in [0, 100]; inside sRGB u is about -83..175 and v -134..107.
Written without a division by L, so black has finite values and gradients both ways.
"""

import torch
from torch import Tensor

from colorbench.color.fused import fused
from colorbench.color.gamut import Clip, check_clip, clip_to_gamut
from colorbench.color.lab import WHITE, cube, cube_root
from colorbench.color.srgb import (
    RGB_FROM_XYZ,
    XYZ_FROM_RGB,
    decode_gamma,
    encode_gamma,
    mix,
    precise,
)
from colorbench.tensors import Luv, Rgb, Rgb8, Xyz, checked_floats, checked_rgb

_WHITE_SUM = WHITE[0] + 15 * WHITE[1] + 3 * WHITE[2]
WHITE_U = 4 * WHITE[0] / _WHITE_SUM
WHITE_V = 9 * WHITE[1] / _WHITE_SUM
SMALLEST_V = 0.05  # of v'; real colors stay above 0.15


def rgb_to_luv(rgb: Rgb | Rgb8) -> Luv:
    """sRGB `(b, 3, h, w)` in [0, 1] (or uint8) to Luv.

    >>> red = torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1)
    >>> [round(value, 1) for value in rgb_to_luv(red).flatten().tolist()]
    [53.2, 175.0, 37.8]
    """
    return _rgb_to_luv(checked_rgb(rgb))


def luv_to_rgb(luv: Luv, clip: Clip = True) -> Rgb:
    """Luv `(b, 3, h, w)` to sRGB. `clip` as in `lab_to_rgb`: True, False or "soft"."""
    check_clip(clip)
    return _luv_to_rgb(checked_floats(luv, "Luv", 3), clip)


def xyz_to_luv(xyz: Xyz) -> Luv:
    """CIE XYZ `(b, 3, h, w)`, D65, to Luv."""
    return _xyz_to_luv(checked_floats(xyz, "XYZ", 3))


def luv_to_xyz(luv: Luv) -> Xyz:
    """Luv `(b, 3, h, w)` to CIE XYZ, D65."""
    return _luv_to_xyz(checked_floats(luv, "Luv", 3))


@fused
def _rgb_to_luv(rgb: Tensor) -> Tensor:
    linear = decode_gamma(rgb)
    return _luv_from_xyz(mix(precise(linear), XYZ_FROM_RGB)).to(linear.dtype)


@fused
def _luv_to_rgb(luv: Tensor, clip: Clip) -> Tensor:
    return clip_to_gamut(encode_gamma(mix(_xyz_from_luv(precise(luv)), RGB_FROM_XYZ).to(luv.dtype)), clip)


@fused
def _xyz_to_luv(xyz: Tensor) -> Tensor:
    return _luv_from_xyz(precise(xyz)).to(xyz.dtype)


@fused
def _luv_to_xyz(luv: Tensor) -> Tensor:
    return _xyz_from_luv(precise(luv)).to(luv.dtype)


def _luv_from_xyz(xyz: Tensor) -> Tensor:
    x, y, z = xyz.unbind(1)
    total = x + 15 * y + 3 * z
    lightness = 116 * cube_root(y) - 16
    scale = 13 * lightness / total.clamp(min=1e-6)
    return torch.stack([lightness, scale * (4 * x - WHITE_U * total), scale * (9 * y - WHITE_V * total)], dim=1)


def _xyz_from_luv(luv: Tensor) -> Tensor:
    lightness, u, v = luv.unbind(1)
    thirteen_l = 13 * lightness
    scaled_u = u + WHITE_U * thirteen_l  # 13 L u'
    scaled_v = torch.maximum(v + WHITE_V * thirteen_l, SMALLEST_V * thirteen_l).clamp(min=1e-6)
    y = cube((lightness + 16) / 116)
    share = y / (4 * scaled_v)
    return torch.stack([9 * share * scaled_u, y, share * (12 * thirteen_l - 3 * scaled_u - 20 * scaled_v)], dim=1)
