"""sRGB, linear light and XYZ.

Source: IEC 61966-2-1 (gamma), the D65 matrix that scikit-image, kornia and OpenCV use.
sRGB and linear RGB in [0, 1]; XYZ with Y of white = 1. Values outside the range continue on the same curves.
"""

import torch
from torch import Tensor

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
    return decode_gamma(unit_float(rgb, "RGB"))


def linear_to_rgb(linear: LinearRgb) -> Rgb:
    """Linear light `(b, 3, h, w)` to sRGB; nothing is clipped. Negative light continues the straight part."""
    return encode_gamma(unit_float(linear, "linear RGB"))


def rgb_to_xyz(rgb: Rgb | Rgb8) -> Xyz:
    """sRGB `(b, 3, h, w)` in [0, 1] (or uint8) to CIE XYZ, D65."""
    return mix(decode_gamma(unit_float(rgb, "RGB")), XYZ_FROM_RGB)


def linear_to_xyz(linear: LinearRgb) -> Xyz:
    """Linear light `(b, 3, h, w)` to CIE XYZ, D65."""
    return mix(unit_float(linear, "linear RGB"), XYZ_FROM_RGB)


def xyz_to_rgb(xyz: Xyz) -> Rgb:
    """CIE XYZ `(b, 3, h, w)`, D65, to sRGB; nothing is clipped."""
    return encode_gamma(mix(unit_float(xyz, "XYZ"), RGB_FROM_XYZ))


def decode_gamma(code: Tensor) -> Tensor:
    # clamped before the power, so that the branch not taken has a finite gradient
    curve = ((code.clamp(min=CODE_KNEE) + 0.055) / 1.055) ** 2.4
    return torch.where(code > CODE_KNEE, curve, code / 12.92)


def encode_gamma(light: Tensor) -> Tensor:
    # a power of 1 / 2.4 at 0 has an infinite gradient: clamped before it
    curve = 1.055 * light.clamp(min=LINEAR_KNEE) ** (1 / 2.4) - 0.055
    return torch.where(light > LINEAR_KNEE, curve, 12.92 * light)


def mix(picture: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """Every pixel times a 3 x 3 matrix, written out: it fuses, and no TF32 can touch it."""
    first, second, third = picture.unbind(1)
    return torch.stack([p * first + q * second + r * third for p, q, r in matrix], dim=1)


def unit_float(picture: Tensor, name: str, channels: int = 3) -> Tensor:
    """The picture as float32 or float64, uint8 divided by 255; refuses other shapes and dtypes by name."""
    if picture.ndim != 4 or picture.shape[1] != channels:
        raise ValueError(
            f"expected {name} of shape (b, {channels}, h, w), got {tuple(picture.shape)}: "
            "add a batch axis with [None], or move channels first with .movedim(-1, 1)"
        )
    if picture.dtype == torch.uint8 and name == "RGB":
        return picture.float() / 255
    if not picture.is_floating_point():
        raise ValueError(f"expected {name} as float{' or uint8' * (name == 'RGB')}, got {picture.dtype}")
    return picture.float() if picture.dtype in (torch.float16, torch.bfloat16) else picture
