"""sRGB, linear light and XYZ.

Source: IEC 61966-2-1 (gamma), the D65 matrix that scikit-image, kornia and OpenCV use.
sRGB and linear RGB in [0, 1]; XYZ with Y of white = 1. Values outside the range continue on the same curves.
"""

import functools
from collections.abc import Sequence
from typing import no_type_check

import torch
from torch import Tensor

from colorbench.color.autograd import is_plain, is_traced
from colorbench.color.curves import PowerCurve, is_recorded
from colorbench.color.fused import fused
from colorbench.tensors import LinearRgb, Rgb, Rgb8, Xyz, checked_floats, checked_rgb

Matrix = tuple[tuple[float, ...], ...]
"""Rows of numbers."""

XYZ_FROM_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
RGB_FROM_XYZ = tuple(tuple(row) for row in torch.linalg.inv(torch.tensor(XYZ_FROM_RGB, dtype=torch.float64)).tolist())
decode_gamma = PowerCurve(knee=0.04045, exponent=2.4, inner=(1 / 1.055, 0.055 / 1.055), below=(1 / 12.92, 0.0))
encode_gamma = PowerCurve(knee=0.0031308, exponent=1 / 2.4, outer=(1.055, -0.055), below=(12.92, 0.0))


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


def mix(picture: Tensor, matrix: Matrix) -> Tensor:
    """Every pixel times a 3 x 3 matrix."""
    if multiplies_matrices(picture):
        return _product(picture, matrix)
    return mix_channels(picture.unbind(1), matrix, picture.dtype)


def multiplies_matrices(picture: Tensor) -> bool:
    """Whether `mix` is a product of matrices: eager on a CPU, where that takes half the time. Else it is written out: it fuses,
    and no TF32 can touch it."""
    return picture.device.type == "cpu" and is_plain(picture) and not is_traced()


def mix_channels(channels: Sequence[Tensor], matrix: Matrix, dtype: torch.dtype) -> Tensor:
    """`mix` written out, from single channels; rounded to `dtype` before they meet, so that no wider picture is ever stored."""
    first, second, third = channels
    return torch.stack([(p * first).add_(second, alpha=q).add_(third, alpha=r).to(dtype) for p, q, r in matrix], dim=1)


def _product(picture: Tensor, matrix: Matrix) -> Tensor:
    return _Product.apply(picture, matrix) if is_recorded(picture) else _Product.forward(picture, matrix)


@no_type_check  # of torch's own signatures
class _Product(torch.autograd.Function):
    """Both ways outside autocast, which would compute a product in bfloat16."""

    @staticmethod
    def forward(picture, matrix):
        with torch.autocast("cpu", enabled=False):
            # flatten has no rule for vectorized jacobians
            flat = picture.reshape(*picture.shape[:2], picture.shape[2:].numel())
            return torch.matmul(_as_tensor(matrix, picture.dtype), flat).reshape(picture.shape)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.matrix = inputs[1]

    @staticmethod
    def backward(ctx, gradient):
        return mix(gradient, tuple(zip(*ctx.matrix))), None


@functools.cache
def _as_tensor(matrix: Matrix, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # a tensor made in it could take no part in gradients later
        return torch.tensor(matrix, dtype=dtype, device="cpu")


def precise(picture: Tensor) -> Tensor:
    """float64 where the device has it: what cancels (matrices towards saturated colors) is computed so."""
    return picture if picture.device.type == "mps" else picture.double()
