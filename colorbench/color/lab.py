"""CIE 1976 L*a*b*, D65 / 2 degrees.

Source: CIE 15:2004, eq. 8.3-8.6, with the exact rational knee (6/29)^3. L in [0, 100]; inside sRGB a is about
-86..98 and b -108..94.
"""

from typing import no_type_check

import torch
from torch import Tensor

from colorbench.color.curves import PowerCurve, affine, is_recorded
from colorbench.color.fused import fused, fused_by_picture
from colorbench.color.gamut import Clip, check_clip, clip_to_gamut
from colorbench.color.srgb import (
    RGB_FROM_XYZ,
    XYZ_FROM_RGB,
    decode_gamma,
    encode_gamma,
    mix,
    mix_channels,
    multiplies_matrices,
    precise,
)
from colorbench.tensors import Lab, Rgb, Rgb8, Xyz, checked_floats, checked_rgb

WHITE = (0.95047, 1.0, 1.08883)
KNEE = 6 / 29
cube_root = PowerCurve(knee=KNEE**3, exponent=1 / 3, below=(1 / (3 * KNEE**2), 4 / 29))
"""CIE's f."""
RATIOS_FROM_RGB = tuple(tuple(part / white for part in row) for row, white in zip(XYZ_FROM_RGB, WHITE))
POSITIONS_FROM_LAB = ((1 / 116, 1 / 500, 0.0), (1 / 116, 0.0, 0.0), (1 / 116, 0.0, -1 / 200))
LINEAR_FROM_CUBES = tuple(tuple(part * white for part, white in zip(row, WHITE)) for row in RGB_FROM_XYZ)


def rgb_to_lab(rgb: Rgb | Rgb8) -> Lab:
    """sRGB `(b, 3, h, w)` in [0, 1] (or uint8) to Lab.

    >>> red = torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1)
    >>> [round(value, 2) for value in rgb_to_lab(red).flatten().tolist()]
    [53.24, 80.09, 67.2]
    """
    return _rgb_to_lab(checked_rgb(rgb))


def lab_to_rgb(lab: Lab, clip: Clip = True) -> Rgb:
    """Lab `(b, 3, h, w)` to sRGB.

    Args:
        clip: True clips to [0, 1] (no gradient outside the gamut); "soft" has the same values, and a gradient
            that still points back into the gamut; False leaves what is outside (inside the Lab box: -27 ..
            1.86).
    """
    check_clip(clip)
    return _lab_to_rgb(checked_floats(lab, "Lab", 3), clip)


def xyz_to_lab(xyz: Xyz) -> Lab:
    """CIE XYZ `(b, 3, h, w)`, D65, to Lab."""
    return _xyz_to_lab(checked_floats(xyz, "XYZ", 3))


def lab_to_xyz(lab: Lab) -> Xyz:
    """Lab `(b, 3, h, w)` to CIE XYZ, D65."""
    return _lab_to_xyz(checked_floats(lab, "Lab", 3))


@fused_by_picture
def _rgb_to_lab(rgb: Tensor) -> Tensor:
    return _lab_from_ratios(mix(decode_gamma(rgb), RATIOS_FROM_RGB))


@fused
def _xyz_to_lab(xyz: Tensor) -> Tensor:
    return _lab_from_xyz(xyz)


@fused
def _lab_to_xyz(lab: Tensor) -> Tensor:
    return _xyz_from_lab(lab)


@fused_by_picture
def _lab_to_rgb(lab: Tensor, clip: Clip) -> Tensor:
    to_linear = _LabToLinear.apply if is_recorded(lab) else _LabToLinear.forward
    return clip_to_gamut(encode_gamma(to_linear(lab)), clip)


@no_type_check  # a wrapped method cannot be compiled
class _LabToLinear(torch.autograd.Function):
    """Forward in float64, because red of a saturated cyan is a difference of numbers fifty times its size;
    backward in the precision of the input, which halves the time of a training step's conversion."""

    generate_vmap_rule = True

    @staticmethod
    def forward(lab: Tensor) -> Tensor:
        if multiplies_matrices(lab):
            positions = mix(precise(lab), POSITIONS_FROM_LAB).add_(16 / 116)
            return mix(cube(positions), LINEAR_FROM_CUBES).to(lab.dtype)
        return mix_channels([cube(f) for f in _curve_positions(precise(lab))], LINEAR_FROM_CUBES, lab.dtype)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (lab,) = ctx.saved_tensors
        towards_cubes = mix(gradient, tuple(zip(*LINEAR_FROM_CUBES))).unbind(1)
        fx, fy, fz = (g * 3 * f.clamp(min=KNEE) ** 2 for g, f in zip(towards_cubes, _curve_positions(lab)))
        return torch.stack([(fx + fy + fz) * (1 / 116), fx * (1 / 500), fz * (-1 / 200)], dim=1)


def _lab_from_xyz(xyz: Tensor) -> Tensor:
    return _lab_from_ratios(torch.stack([channel * (1 / white) for channel, white in zip(xyz.unbind(1), WHITE)], dim=1))


def _lab_from_ratios(ratios: Tensor) -> Tensor:
    """From XYZ relative to white."""
    fx, fy, fz = cube_root(ratios).unbind(1)
    return torch.stack([affine(fy, 116.0, -16.0), (fx - fy).mul_(500), (fy - fz).mul_(200)], dim=1)


def _xyz_from_lab(lab: Tensor) -> Tensor:
    return torch.stack([white * cube(f) for f, white in zip(_curve_positions(lab), WHITE)], dim=1)


def _curve_positions(lab: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The values of CIE's f for X, Y and Z."""
    lightness, a, b = lab.unbind(1)
    fy = (lightness + 16) * (1 / 116)
    return torch.add(fy, a, alpha=1 / 500), fy, torch.sub(fy, b, alpha=1 / 200)


def cube(f: Tensor) -> Tensor:
    """The inverse of `cube_root`. Below the knee it goes on along the tangent of the curve.

    `f` may be overwritten: give a result of your own.
    """
    curved = f.clamp(min=KNEE)
    if is_recorded(f):
        return curved**3 + 3 * KNEE**2 * (f - curved)
    below = f.sub_(curved)  # in place: eager, new memory costs as much as the arithmetic
    return curved.pow_(3).add_(below, alpha=3 * KNEE**2)
