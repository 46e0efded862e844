"""What every loss asks of its tensors before it computes: shapes and dtypes, never values, which would wait for a GPU.

`takes_pictures` and `takes_logits` are the public door of a loss. Both also switch autocast off and promote half
precision: in bf16 SSIM is off by .054 and CIEDE2000 by .92. `full_precision` does that alone, for modules that take a Batch.
"""

import inspect
from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor


def takes_pictures(channels: int | None = None, eight_bit: bool = True) -> Callable[[Callable], Callable]:
    """A loss on pictures `(pred, target, *, settings) -> (b,)`, both `(b, c, h, w)` of one shape.

    Args:
        channels: how many they must have; None: any number.
        eight_bit: uint8 stands for RGB and is divided by 255; False refuses it (Lab, ab).
    """

    def decorate(function: Callable) -> Callable:
        needs_target = inspect.signature(function).parameters["target"].default is inspect.Parameter.empty

        @wraps(function)
        def checked(pred: object, target: object = None, **settings):
            if target is None and needs_target:
                raise TypeError(f"{function.__name__} compares two pictures; give a target of the same shape as pred")
            seen = _picture(pred, "pred", channels, eight_bit)
            true = None if target is None else _picture(target, "target", channels, eight_bit)
            if true is not None and seen.shape != true.shape:
                raise ValueError(
                    f"pred has shape {tuple(seen.shape)}, target {tuple(true.shape)}: a loss compares pictures of one shape "
                    "and does not broadcast"
                )
            with torch.autocast(seen.device.type, enabled=False):
                return function(seen, true, **settings)

        return checked

    return decorate


def takes_logits(classes: int, hint: str) -> Callable[[Callable], Callable]:
    """A loss `(logits, ab, *, settings) -> (b,)` of logits `(b, classes, h', w')` against true ab `(b, 2, h, w)` in Lab units.

    Args:
        classes: channels of the logits.
        hint: where such logits come from, for the error.
    """

    def decorate(function: Callable) -> Callable:
        @wraps(function)
        def checked(logits: object, ab: object, **settings):
            seen, true = check_logits(logits, ab, classes, hint)
            with torch.autocast(seen.device.type, enabled=False):
                return function(seen, true, **settings)

        return checked

    return decorate


def check_logits(logits: object, ab: object, classes: int, hint: str) -> tuple[Tensor, Tensor]:
    """Both in full precision. Raises ValueError if they do not fit each other or are not over so many classes."""
    seen, true = _tensor(logits, "logits"), _picture(ab, "ab", 2, eight_bit=False)
    if seen.ndim != 4 or seen.shape[1] != classes or not seen.is_floating_point():
        raise ValueError(
            f"logits have shape {tuple(seen.shape)} and dtype {seen.dtype}, wanted float (b, {classes}, h, w): {hint}"
        )
    if len(seen) != len(true):
        raise ValueError(f"logits are of {len(seen)} pictures, ab of {len(true)}: give one each")
    return seen, true


def check_rgb(rgb: object, name: str) -> Tensor:
    """RGB pictures `(b, 3, h, w)` as float in [0, 1]; uint8 is divided by 255."""
    return _picture(rgb, name, 3, eight_bit=True)


def full_precision(function: Callable) -> Callable:
    """The same function, computed in float32 (float64 stays float64) inside any autocast."""

    @wraps(function)
    def precise(*args, **kwargs):
        with torch.autocast(_device_type(args), enabled=False):
            return function(*map(_promoted, args), **kwargs)

    return precise


def _picture(value: object, name: str, channels: int | None, eight_bit: bool) -> Tensor:
    picture = _tensor(value, name)
    if picture.ndim != 4 or channels not in (None, picture.shape[1]):
        raise ValueError(
            f"{name} has shape {tuple(picture.shape)}, wanted (b, {channels or 'c'}, h, w): "
            "add a batch axis with [None], move channels first with movedim(-1, 1)"
        )
    if picture.dtype == torch.uint8 and eight_bit:
        return picture.float() / 255
    if not picture.is_floating_point():
        wanted = "float, or uint8 for RGB" if eight_bit else "float"
        raise ValueError(f"{name} is {picture.dtype}, wanted {wanted}: convert it with .float() and mind its range")
    return picture


def _tensor(value: object, name: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} is a {type(value).__name__}, wanted a tensor: stack pictures with torch.stack")
    return _promoted(value)


def _promoted(value):
    half = isinstance(value, Tensor) and value.dtype in (torch.bfloat16, torch.float16)
    return value.float() if half else value


def _device_type(args: tuple) -> str:
    """That of the first tensor, or of the first Batch or Output (both know their lightness)."""
    for value in args:
        tensor = value if isinstance(value, Tensor) else getattr(value, "lightness", None)
        if isinstance(tensor, Tensor):
            return tensor.device.type
    return "cpu"
