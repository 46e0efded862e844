"""What every loss asks of its tensors before it computes: shapes and dtypes as colorbench.tensors checks them.

`takes_pictures` and `takes_logits` check the arguments of a public loss, switch autocast off and widen half precision: in
bf16 SSIM is off by .054 and CIEDE2000 by .92. `full_precision` does the latter alone, for modules that take a Batch.
"""

import inspect
from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor

from colorbench.tensors import checked_floats, checked_rgb, same_shape, widened


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
            if true is not None:
                seen, true = same_shape(seen, true)
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
    seen, true = checked_floats(logits, "logits"), checked_floats(ab, "ab", 2)
    if seen.shape[1] != classes:
        raise ValueError(f"logits have shape {tuple(seen.shape)}, wanted (b, {classes}, h, w): {hint}")
    if len(seen) != len(true):
        raise ValueError(f"logits are of {len(seen)} pictures, ab of {len(true)}: give one each")
    return seen, true


def full_precision(function: Callable) -> Callable:
    """The same function, computed in float32 (float64 stays float64) inside any autocast."""

    @wraps(function)
    def precise(*args, **kwargs):
        with torch.autocast(_device_type((*args, *kwargs.values())), enabled=False):
            return function(*map(widened, args), **{name: widened(value) for name, value in kwargs.items()})

    return precise


def bf16_autocast(tensor: Tensor, wanted: bool) -> torch.autocast:
    """On the tensor's device, bf16 autocast, or none inside any other."""
    return torch.autocast(tensor.device.type, torch.bfloat16, enabled=wanted)


def _picture(value: object, name: str, channels: int | None, eight_bit: bool) -> Tensor:
    return checked_rgb(value, name, channels) if eight_bit else checked_floats(value, name, channels)


def _device_type(args: tuple) -> str:
    """That of the first tensor, or of the first Batch or Output (both know their lightness)."""
    for value in args:
        tensor = value if isinstance(value, Tensor) else getattr(value, "lightness", None)
        if isinstance(tensor, Tensor):
            return tensor.device.type
    return "cpu"
