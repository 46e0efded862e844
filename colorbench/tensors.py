"""What flows through colorbench: names for tensors, with their ranges and units, and the check of every public function.

Axis letters: b pictures, c channels, h rows, w columns, d dimension, k neighbors. The tests check the annotations at every
call (jaxtyping + beartype); they cost nothing in production. `checked_rgb`, `checked_floats` and `checked_pair` run
always: they check type, shape and dtype, never values, which would wait for the device.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

Rgb = Float[Tensor, "b 3 h w"]
"""sRGB (IEC 61966-2-1, gamma-coded), [0, 1]."""

Rgb8 = UInt8[Tensor, "b 3 h w"]
"""sRGB as stored and moved: integers 0..255."""

LinearRgb = Float[Tensor, "b 3 h w"]
"""Linear-light RGB with sRGB primaries, [0, 1]."""

Xyz = Float[Tensor, "b 3 h w"]
"""CIE 1931 XYZ, D65 white (0.95047, 1, 1.08883)."""

Lab = Float[Tensor, "b 3 h w"]
"""CIE 1976 L*a*b*, D65 / 2 degrees: L in [0, 100]; a, b inside sRGB about -86..98 and -108..94."""

Luv = Float[Tensor, "b 3 h w"]
"""CIE 1976 L*u*v*, D65 / 2 degrees: L in [0, 100]; u, v inside sRGB about -83..175 and -134..107."""

Lightness = Float[Tensor, "b 1 h w"]
"""CIE L*, [0, 100]."""

Gray = Float[Tensor, "b 1 h w"]
"""What a generator sees: L* / 50 - 1, [-1, 1]."""

Ab = Float[Tensor, "b 2 h w"]
"""CIE a*, b*, in Lab units (not divided by 110)."""

AB_SCALE = 110.0
"""What ab is divided by where it should lie in about [-1, 1]: in losses, critics and the head `ab`."""

Raw = Float[Tensor, "b c h_raw w_raw"]
"""A generator's last layer, before any head: unbounded."""

Logits = Float[Tensor, "b c hq wq"]
"""Unnormalized log-probabilities over c color bins, usually at a quarter of the picture's size."""

BinIndices = Int64[Tensor, "b k h w"]
"""The k nearest color bins of every pixel."""

BinWeights = Float[Tensor, "b k h w"]
"""The weights of those bins; they sum to 1 over k."""

PerImage = Float[Tensor, "b"]
"""One value per picture."""

Scalar = Float[Tensor, ""]
"""One value."""

Float32 = Literal["ieee", "tf32"]
"""How a GPU computes float32."""


@contextmanager
def float32_on_gpu(kind: Float32) -> Iterator[None]:
    """Set how a GPU computes float32 inside the block: IEEE, or TF32 in convolutions (torch's default).

    Matrix products are IEEE either way, and so is everything on a CPU. Sets `fp32_precision`: torch's older flags cannot be
    read in a process that has used it.
    """
    cudnn: Any = torch.backends.cudnn  # `conv` is not in its types
    kinds = {torch.backends.cuda.matmul: "ieee", cudnn.conv: kind, cudnn.rnn: kind}
    before = {part: part.fp32_precision for part in kinds}
    for part, wanted in kinds.items():
        part.fp32_precision = wanted
    try:
        yield
    finally:
        for part, usual in before.items():
            part.fp32_precision = usual


_OUT_OF_MEMORY = (
    "out of memory",
    "out_of_memory",  # CUDA_ERROR_OUT_OF_MEMORY, NVRTC_ERROR_OUT_OF_MEMORY
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "bad_alloc",
    "alloc_failed",  # CUBLAS_STATUS_ALLOC_FAILED, CUDNN_STATUS_ALLOC_FAILED and their siblings
    "allocation_failed",  # CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED
    "unable to find an engine",  # cuDNN, when no convolution gets its workspace
    "unable to find a valid cudnn algorithm",
    "no valid execution plans",
)


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA's own class, Python's, and the messages of allocators, cuBLAS and cuDNN, which have no class of their own."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(spelling in text for spelling in _OUT_OF_MEMORY)


class PictureTooSmall(ValueError):
    """The pictures have fewer pixels per side than this function is defined for."""


class TooFewPictures(ValueError):
    """A set metric needs more pictures."""


def checked_rgb(pictures: Any, name: str = "rgb", channels: int | None = 3) -> Tensor:
    """RGB pictures `(b, 3, h, w)` as float32 in [0, 1]: uint8 is divided by 255, half precision widened, float64 kept.

    `channels` None takes any number of channels.

    Raises:
        TypeError: not a tensor.
        ValueError: another shape, or a dtype other than uint8 and float.

    >>> checked_rgb(torch.full((1, 3, 1, 1), 51, dtype=torch.uint8)).flatten()
    tensor([0.2000, 0.2000, 0.2000])
    """
    _check_shape(pictures, name, channels)
    if pictures.dtype == torch.uint8:
        return pictures.float() / 255
    if not pictures.is_floating_point():
        raise ValueError(f"{name} is {pictures.dtype}, wanted uint8 (0 .. 255) or float in [0, 1]: convert it first")
    return widened(pictures)


def checked_floats(pictures: Any, name: str, channels: int | None = None) -> Tensor:
    """Pictures `(b, channels, h, w)` other than RGB (Lab, ab, lightness, logits), in float32; float64 is kept.

    Raises:
        TypeError: not a tensor.
        ValueError: another shape, or not floating point.
    """
    _check_shape(pictures, name, channels)
    if not pictures.is_floating_point():
        raise ValueError(f"{name} is {pictures.dtype}, wanted float: convert it with .float()")
    return widened(pictures)


def checked_shares(values: Any, name: str, count: int) -> Tensor:
    """Numbers of at least 0 for so many color bins, `(count,)`, in float32; float64 is kept.

    Raises:
        TypeError: not a tensor.
        ValueError: another shape, not floating point, or, where looking does not wait for a device, a negative one.
    """
    if not isinstance(values, Tensor):
        raise TypeError(f"{name} is a {type(values).__name__}, wanted a tensor ({count},), one number per color bin")
    if values.shape != (count,) or not values.is_floating_point():
        raise ValueError(
            f"{name} is {values.dtype} {tuple(values.shape)}, wanted float ({count},): one number per color bin"
        )
    if values.device.type == "cpu" and not torch.compiler.is_compiling() and bool((values < 0).any()):
        raise ValueError(f"{name} holds negative numbers, wanted shares or weights of at least 0")
    return widened(values)


def checked_pair(pred: Any, target: Any, least_px: int = 1) -> tuple[Tensor, Tensor]:
    """Two batches of RGB pictures of one shape, in one dtype: see `checked_rgb`.

    Raises:
        TypeError: not tensors.
        ValueError: shapes that are wrong or differ (nothing is broadcast), or a wrong dtype.
        PictureTooSmall: a side shorter than `least_px`.
    """
    pred, target = same_shape(checked_rgb(pred, "pred"), checked_rgb(target, "target"))
    check_size(target, least_px)
    return pred, target


def same_shape(pred: Tensor, target: Tensor, name: str = "pred", other: str = "target") -> tuple[Tensor, Tensor]:
    """Both in the wider of their dtypes; ValueError if their shapes differ: nothing is broadcast."""
    if pred.shape != target.shape:
        raise ValueError(
            f"{name} has shape {tuple(pred.shape)}, {other} {tuple(target.shape)}: bring {name} to the {other}'s shape first"
        )
    dtype = torch.promote_types(pred.dtype, target.dtype)
    return pred.to(dtype), target.to(dtype)


def check_size(pictures: Tensor, least_px: int, needed_by: str = "this metric") -> None:
    """Refuse pictures with a side shorter than `least_px`."""
    h, w = pictures.shape[-2:]
    if min(h, w) < least_px:
        raise PictureTooSmall(f"{needed_by} needs {least_px} px per side, got {h} x {w}: use a larger size")


def widened(value: Any) -> Any:
    """A tensor of shorter floats as float32; anything else as it is."""
    short = (
        isinstance(value, Tensor) and value.is_floating_point() and value.dtype not in (torch.float32, torch.float64)
    )
    return value.float() if short else value


def _check_shape(pictures: Any, name: str, channels: int | None) -> None:
    wanted = f"(b, {'c' if channels is None else channels}, h, w)"
    if not isinstance(pictures, Tensor):
        raise TypeError(
            f"{name} is a {type(pictures).__name__}, wanted a tensor {wanted}; score() takes arrays and files"
        )
    if pictures.ndim != 4 or (channels is not None and pictures.shape[1] != channels):
        raise ValueError(
            f"{name} has shape {tuple(pictures.shape)}, wanted {wanted}: "
            "add a batch axis with [None], or move channels first with .movedim(-1, 1)"
        )
    if 0 in pictures.shape[1:]:
        raise ValueError(f"{name} has shape {tuple(pictures.shape)}: pictures without pixels")
