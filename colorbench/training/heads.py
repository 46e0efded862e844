"""From a batch to a prediction: the generator's forward pass, and the heads, which turn its raw output into a picture.

The same few lines for every generator, in training and evaluation alike.

`ab`: 110 * tanh. `luv`: 180 * tanh for u, v (inside sRGB u reaches 175). `rgb`: sigmoid. `bins`: 313 logits, decoded by
the annealed mean. Raw maps smaller than the photo are enlarged bilinearly before any non-linearity, except logits, which
are decoded first.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.cell import Cell, Recipe
from colorbench.color import luv_to_xyz, rgb_to_lab, xyz_to_lab
from colorbench.errors import unknown_name
from colorbench.generators.build import build_generator, recorded_options
from colorbench.generators.row import HEAD_CHANNELS
from colorbench.tensors import AB_SCALE, Raw

UV_RANGE = 180.0
_VARIANTS = 1024  # of one network class, in training and evaluation, compiled in one process


def _at_size(raw: Tensor, size: torch.Size) -> Tensor:
    if raw.shape[-2:] == size:
        return raw
    return torch.nn.functional.interpolate(raw, size, mode="bilinear", align_corners=False)


def _ab(raw: Tensor, batch: Batch) -> Output:
    return Output.from_ab(AB_SCALE * _at_size(raw, batch.rgb.shape[-2:]).tanh(), batch.lightness)


def _luv(raw: Tensor, batch: Batch) -> Output:
    uv = UV_RANGE * _at_size(raw, batch.rgb.shape[-2:]).tanh()
    lab = xyz_to_lab(luv_to_xyz(torch.cat([batch.lightness, uv], dim=1)))
    return Output.from_ab(lab[:, 1:], batch.lightness)


def _rgb(raw: Tensor, batch: Batch) -> Output:
    return Output.from_rgb(_at_size(raw, batch.rgb.shape[-2:]).sigmoid())


def _bins(raw: Tensor, batch: Batch) -> Output:
    return Output.from_logits(raw, batch.lightness)


HEADS: Mapping[str, Callable[[Tensor, Batch], Output]] = MappingProxyType(
    {"ab": _ab, "luv": _luv, "rgb": _rgb, "bins": _bins}
)
"""Head -> its function. `HEAD_CHANNELS` has the channels of its raw output."""


def head_channels(head: str) -> int:
    """How many channels a generator needs for this head."""
    _check(head)
    return HEAD_CHANNELS[head]


def apply_head(head: str, raw: Raw | dict, batch: Batch) -> Output:
    """The picture that raw output encodes, in float32.

    A dict is the output of a generator that trains auxiliary heads: its `deep` raws become Outputs in `extras`, everything
    else is handed on to the losses that ask for it.
    """
    _check(head)
    function = HEADS[head]
    with torch.autocast(batch.rgb.device.type, enabled=False):
        if isinstance(raw, Tensor):
            return function(raw.float(), batch)
        output = function(raw["raw"].float(), batch)
        extras: dict = {key: value.float() for key, value in raw.items() if isinstance(value, Tensor) and key != "raw"}
        if "deep" in raw:
            extras["deep"] = [function(each.float(), batch) for each in raw["deep"]]
        output.extras = extras
        return output


def with_true_lightness(output: Output, batch: Batch) -> Output:
    """The prediction's color under the photo's own lightness: the one output rule of the protocol."""
    return Output.from_ab(rgb_to_lab(output.rgb)[:, 1:], batch.lightness)


def _check(head: str) -> None:
    if head not in HEADS:
        raise unknown_name("head", head, HEADS)


def build_network(recipe: Recipe, head: str) -> nn.Module:
    """A new generator as the cell's recipe describes it, with the output channels of this head."""
    options = recorded_options(recipe.generator, recipe.options)
    return build_generator(recipe.generator, out_channels=head_channels(head), **options)


def unbuilt_network(recipe: Recipe, head: str) -> nn.Module | None:
    """The same on the meta device, for its shapes alone; None when it cannot be built there."""
    try:
        with torch.device("meta"):
            return build_network(recipe, head)
    except Exception:  # a network of a plug-in may do anything
        return None


class Forward:
    """A generator with its head: a batch in, a prediction out.

    Args:
        model: on its device; its weights are put into the protocol's memory format.
        head: `ab`, `luv`, `rgb` or `bins`.
        cell: whose working size, precision and memory format hold. bf16 runs the generator under autocast, never the head.
        compile: run the generator through torch.compile.
    """

    def __init__(self, model: nn.Module, head: str, cell: Cell, *, compile: bool = False):
        self.model, self.head, self.size_px = model, head, cell.recipe.size_px
        self.memory_format = torch.channels_last if cell.protocol.channels_last else torch.contiguous_format
        model.to(memory_format=self.memory_format)
        device, bf16 = next(model.parameters()).device.type, cell.protocol.precision == "bf16"
        self.autocast = torch.autocast(device, torch.bfloat16, enabled=bf16)
        self.network = _compiled(model) if compile else model

    def __call__(self, batch: Batch) -> Output:
        gray, side = batch.gray, self.size_px
        if side is not None and gray.shape[-2:] != (side, side):  # heads bring the output back
            gray = nn.functional.interpolate(gray, (side, side), mode="bilinear", antialias=True, align_corners=False)
        with self.autocast:
            raw = self.network(gray.contiguous(memory_format=self.memory_format))
        return apply_head(self.head, raw, batch)


def _compiled(model: nn.Module) -> Callable:
    """The network through torch.compile.

    Networks of one class count as variants of one function, and beyond 8 of those torch runs eagerly and says so in a log
    alone: a process that times a whole suite needs room for all.
    """
    from torch._dynamo import config

    config.recompile_limit = max(config.recompile_limit, _VARIANTS)
    config.accumulated_recompile_limit = max(config.accumulated_recompile_limit, _VARIANTS)
    return torch.compile(model)
