"""Heads: how a generator's raw output becomes a picture. The same few lines for every generator.

`ab`: 110 * tanh. `luv`: 180 * tanh for u, v (inside sRGB u reaches 175). `rgb`: sigmoid. `bins`: 313 logits, decoded by
the annealed mean. Raw maps smaller than the photo are enlarged bilinearly before any non-linearity, except logits, which
are decoded first.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from colorbench.batch import Batch, Output
from colorbench.color import luv_to_xyz, rgb_to_lab, xyz_to_lab
from colorbench.names import unknown_name
from colorbench.tensors import Raw

AB_RANGE = 110.0
UV_RANGE = 180.0


def _at_size(raw: Tensor, size: torch.Size) -> Tensor:
    if raw.shape[-2:] == size:
        return raw
    return torch.nn.functional.interpolate(raw, size, mode="bilinear", align_corners=False)


def _ab(raw: Tensor, batch: Batch) -> Output:
    return Output.from_ab(AB_RANGE * _at_size(raw, batch.rgb.shape[-2:]).tanh(), batch.lightness)


def _luv(raw: Tensor, batch: Batch) -> Output:
    uv = UV_RANGE * _at_size(raw, batch.rgb.shape[-2:]).tanh()
    lab = xyz_to_lab(luv_to_xyz(torch.cat([batch.lightness, uv], dim=1)))
    return Output.from_ab(lab[:, 1:], batch.lightness)


def _rgb(raw: Tensor, batch: Batch) -> Output:
    return Output.from_rgb(_at_size(raw, batch.rgb.shape[-2:]).sigmoid())


def _bins(raw: Tensor, batch: Batch) -> Output:
    return Output.from_logits(raw, batch.lightness)


HEADS: Mapping[str, tuple[int, Callable[[Tensor, Batch], Output]]] = MappingProxyType(
    {"ab": (2, _ab), "luv": (2, _luv), "rgb": (3, _rgb), "bins": (313, _bins)}
)
"""Head -> channels of the raw output, and the function."""


def head_channels(head: str) -> int:
    """How many channels a generator needs for this head."""
    return _row(head)[0]


def apply_head(head: str, raw: Raw | dict, batch: Batch) -> Output:
    """The picture that raw output stands for, in float32.

    A dict is the output of a generator that trains auxiliary heads: its `deep` raws become Outputs in `extras`, everything
    else is handed on to the losses that ask for it.
    """
    function = _row(head)[1]
    with torch.autocast(batch.rgb.device.type, enabled=False):
        if isinstance(raw, Tensor):
            return function(raw.float(), batch)
        output = function(raw["raw"].float(), batch)
        output.extras = {key: value.float() for key, value in raw.items() if isinstance(value, Tensor) and key != "raw"}
        if "deep" in raw:
            output.extras["deep"] = [function(each.float(), batch) for each in raw["deep"]]
        return output


def with_true_lightness(output: Output, batch: Batch) -> Output:
    """The prediction's colour under the photo's own lightness: the one output rule of the protocol."""
    return Output.from_ab(rgb_to_lab(output.rgb)[:, 1:], batch.lightness)


def _row(head: str) -> tuple[int, Callable]:
    if head not in HEADS:
        raise unknown_name("head", head, HEADS)
    return HEADS[head]
