"""sRGB, linear light and XYZ.

Source: IEC 61966-2-1 (gamma), the D65 matrix that scikit-image, kornia and OpenCV use.
sRGB and linear RGB in [0, 1]; XYZ with Y of white = 1. Values outside the range continue on the same curves.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from colorbench.color.fused import fused
from colorbench.tensors import LinearRgb, Rgb, Rgb8, Xyz

XYZ_FROM_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
RGB_FROM_XYZ = tuple(tuple(row) for row in torch.linalg.inv(torch.tensor(XYZ_FROM_RGB, dtype=torch.float64)).tolist())
CODE_KNEE = 0.04045
LINEAR_KNEE = 0.0031308


def rgb_to_linear(rgb: Rgb | Rgb8) -> LinearRgb:
    """sRGB `(b, 3, h, w)` in [0, 1] (or uint8) to linear light.

    >>> rgb_to_linear(torch.full((1, 3, 1, 1), 0.5))[0, 0, 0, 0].item()  # doctest: +ELLIPSIS
    0.21404...
    """
    check_picture(rgb, "RGB")
    return _rgb_to_linear(rgb)


def linear_to_rgb(linear: LinearRgb) -> Rgb:
    """Linear light `(b, 3, h, w)` to sRGB; nothing is clipped. Negative light continues the straight part."""
    check_picture(linear, "linear RGB")
    return _linear_to_rgb(linear)


def rgb_to_xyz(rgb: Rgb | Rgb8) -> Xyz:
    """sRGB `(b, 3, h, w)` in [0, 1] (or uint8) to CIE XYZ, D65."""
    check_picture(rgb, "RGB")
    return _rgb_to_xyz(rgb)


def linear_to_xyz(linear: LinearRgb) -> Xyz:
    """Linear light `(b, 3, h, w)` to CIE XYZ, D65."""
    check_picture(linear, "linear RGB")
    return _linear_to_xyz(linear)


def xyz_to_rgb(xyz: Xyz) -> Rgb:
    """CIE XYZ `(b, 3, h, w)`, D65, to sRGB; nothing is clipped."""
    check_picture(xyz, "XYZ")
    return _xyz_to_rgb(xyz)


@fused
def _rgb_to_linear(rgb: Tensor) -> Tensor:
    return decode_gamma(unit_float(rgb))


@fused
def _linear_to_rgb(linear: Tensor) -> Tensor:
    return encode_gamma(linear)


@fused
def _rgb_to_xyz(rgb: Tensor) -> Tensor:
    return mix(decode_gamma(unit_float(rgb)), XYZ_FROM_RGB)


@fused
def _linear_to_xyz(linear: Tensor) -> Tensor:
    return mix(linear, XYZ_FROM_RGB)


@fused
def _xyz_to_rgb(xyz: Tensor) -> Tensor:
    return encode_gamma(mix_channels(precise(xyz).unbind(1), RGB_FROM_XYZ, xyz.dtype))


def decode_gamma(code: Tensor) -> Tensor:
    # clamped before the power, so that the branch not taken has a finite gradient
    curve = power((code.clamp(min=CODE_KNEE) + 0.055) * (1 / 1.055), 2.4)
    return torch.where(code > CODE_KNEE, curve, code * (1 / 12.92))


def encode_gamma(light: Tensor) -> Tensor:
    # a power of 1 / 2.4 at 0 has an infinite gradient: clamped before it
    curve = 1.055 * power(light.clamp(min=LINEAR_KNEE), 1 / 2.4) - 0.055
    return torch.where(light > LINEAR_KNEE, curve, 12.92 * light)


def power(positive: Tensor, exponent: float) -> Tensor:
    """positive ** exponent by exp and log: twice as fast as pow, exact to 3e-7 of the value on [0.001, 1]."""
    return torch.exp(torch.log(positive) * exponent)


def mix(picture: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """Every pixel times a 3 x 3 matrix, written out: it fuses, and no TF32 can touch it."""
    return mix_channels(picture.unbind(1), matrix, picture.dtype)


def mix_channels(channels: Sequence[Tensor], matrix: tuple[tuple[float, ...], ...], dtype: torch.dtype) -> Tensor:
    """The same from single channels; rounded to `dtype` before they meet, so that no wider picture is ever stored."""
    first, second, third = channels
    return torch.stack([(p * first + q * second + r * third).to(dtype) for p, q, r in matrix], dim=1)


def check_picture(picture: Tensor, name: str, channels: int = 3) -> None:
    """Refuse other shapes and dtypes by name. Values are not looked at: that would wait for the device."""
    if picture.ndim != 4 or picture.shape[1] != channels:
        raise ValueError(
            f"expected {name} of shape (b, {channels}, h, w), got {tuple(picture.shape)}: "
            "add a batch axis with [None], or move channels first with .movedim(-1, 1)"
        )
    if not (picture.is_floating_point() or (name == "RGB" and picture.dtype == torch.uint8)):
        wanted = "floats in [0, 1] or uint8" if name == "RGB" else "floats"
        raise ValueError(f"expected {name} as {wanted}, got {picture.dtype}: convert with .float()")


def unit_float(picture: Tensor) -> Tensor:
    """uint8 to [0, 1]; floats as they are."""
    return picture.float() * (1 / 255) if picture.dtype == torch.uint8 else picture


def precise(picture: Tensor) -> Tensor:
    """float64 where the device has it: what cancels (matrices towards saturated colours) is computed so."""
    return picture if picture.device.type == "mps" else picture.double()
