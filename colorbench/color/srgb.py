"""sRGB, linear light and XYZ.

Source: IEC 61966-2-1 (gamma), the D65 matrix that scikit-image, kornia and OpenCV use.
sRGB and linear RGB in [0, 1]; XYZ with Y of white = 1. Values outside the range continue on the same curves.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from colorbench.color.fused import fused
from colorbench.tensors import LinearRgb, Rgb, Rgb8, Xyz, checked_floats, checked_rgb

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
    return _rgb_to_linear(checked_rgb(rgb))


def linear_to_rgb(linear: LinearRgb) -> Rgb:
    """Linear light `(b, 3, h, w)` to sRGB; nothing is clipped. Negative light continues the straight part."""
    return _linear_to_rgb(checked_floats(linear, "linear RGB", 3))


def rgb_to_xyz(rgb: Rgb | Rgb8) -> Xyz:
    """sRGB `(b, 3, h, w)` in [0, 1] (or uint8) to CIE XYZ, D65."""
    return _rgb_to_xyz(checked_rgb(rgb))


def linear_to_xyz(linear: LinearRgb) -> Xyz:
    """Linear light `(b, 3, h, w)` to CIE XYZ, D65."""
    return _linear_to_xyz(checked_floats(linear, "linear RGB", 3))


def xyz_to_rgb(xyz: Xyz) -> Rgb:
    """CIE XYZ `(b, 3, h, w)`, D65, to sRGB; nothing is clipped."""
    return _xyz_to_rgb(checked_floats(xyz, "XYZ", 3))


@fused
def _rgb_to_linear(rgb: Tensor) -> Tensor:
    return decode_gamma(rgb)


@fused
def _linear_to_rgb(linear: Tensor) -> Tensor:
    return encode_gamma(linear)


@fused
def _rgb_to_xyz(rgb: Tensor) -> Tensor:
    return mix(decode_gamma(rgb), XYZ_FROM_RGB)


@fused
def _linear_to_xyz(linear: Tensor) -> Tensor:
    return mix(linear, XYZ_FROM_RGB)


@fused
def _xyz_to_rgb(xyz: Tensor) -> Tensor:
    return encode_gamma(mix_channels(precise(xyz).unbind(1), RGB_FROM_XYZ, xyz.dtype))


def decode_gamma(code: Tensor) -> Tensor:
    # clamped before the power, so that the branch not taken has a finite gradient
    curve = power((code.clamp(min=CODE_KNEE) + 0.055) * (1 / 1.055), 2.4)
    return select(code, CODE_KNEE, curve, code * (1 / 12.92))


def encode_gamma(light: Tensor) -> Tensor:
    # a power of 1 / 2.4 at 0 has an infinite gradient: clamped before it
    curve = 1.055 * power(light.clamp(min=LINEAR_KNEE), 1 / 2.4) - 0.055
    return select(light, LINEAR_KNEE, curve, 12.92 * light)


def power(positive: Tensor, exponent: float) -> Tensor:
    """positive ** exponent by exp and log: twice as fast as pow, exact to 3e-7 of the value on [0.001, 1].

    `positive` may be overwritten: give a result of your own.
    """
    if _is_differentiated(positive):
        return torch.exp(torch.log(positive) * exponent)
    return positive.log_().mul_(exponent).exp_()


def select(x: Tensor, knee: float, above: Tensor, below: Tensor) -> Tensor:
    """`above` where x > knee, else `below`: all of one shape. Finite values are those of `torch.where` to the last bit.

    Eager, `where` and the comparison before it take more than twice as long as this: neither is vectorized on a CPU.
    """
    if _is_differentiated(x):
        return torch.where(x > knee, above, below)
    return torch.lerp(below, above, (x - knee).sign_().clamp_(min=0))


def _is_differentiated(x: Tensor) -> bool:
    """Whether autograd records what is computed from x, or a compiler traces it, which fuses the plain form by itself."""
    return torch.compiler.is_compiling() or (torch.is_grad_enabled() and x.requires_grad)


def mix(picture: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """Every pixel times a 3 x 3 matrix, written out: it fuses, and no TF32 can touch it."""
    return mix_channels(picture.unbind(1), matrix, picture.dtype)


def mix_channels(channels: Sequence[Tensor], matrix: tuple[tuple[float, ...], ...], dtype: torch.dtype) -> Tensor:
    """The same from single channels; rounded to `dtype` before they meet, so that no wider picture is ever stored."""
    first, second, third = channels
    return torch.stack([(p * first).add_(q * second).add_(r * third).to(dtype) for p, q, r in matrix], dim=1)


def precise(picture: Tensor) -> Tensor:
    """float64 where the device has it: what cancels (matrices towards saturated colors) is computed so."""
    return picture if picture.device.type == "mps" else picture.double()
