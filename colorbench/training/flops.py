"""What a training step of a generator costs in arithmetic, counted on a meta copy of its own.

`flops`: forward and backward of the generator on one batch, by torch's FlopCounterMode (a multiply and an add are two).
Excluded, for every recipe alike: critics, frozen feature nets, colour conversions, the optimiser; and what that counter
does not know: pooling, norms, softmax, FFT. `macs`: multiply-accumulates of one picture, forward. `activations`: numbers
that convolutions and matrix products write in the forward pass of one batch; with the MACs they predict the step time
(Radosavovic 2020, arXiv 2003.13678). The trained network, its weights and the random state are never touched.
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from colorbench.cell import Phases, Protocol, Recipe, canonical_json
from colorbench.generators import GENERATORS, build_generator
from colorbench.suites.work import head_of
from colorbench.training.heads import head_channels

_aten = torch.ops.aten
_WRITERS = {
    _aten.convolution, _aten._convolution, _aten.mm, _aten.addmm, _aten.bmm, _aten.baddbmm,
    _aten._scaled_dot_product_flash_attention_for_cpu, _aten._scaled_dot_product_efficient_attention,
    _aten._scaled_dot_product_flash_attention,
}  # fmt: skip


def _convolution_backward(
    grad_shape, x_shape, w_shape, _bias, _stride, _padding, _dilation, transposed, _out_padding, _groups, mask,
    out_shape=None, **_,
) -> int:  # fmt: skip
    """As much as forward for the input's gradient, and again for the weights'. torch 2.15's own rule ignores groups in
    the latter, which counts a depthwise convolution of c channels c times."""
    forward = conv_flop_count(x_shape, w_shape, grad_shape, transposed=transposed)
    return forward * (int(mask[0]) + int(mask[1]))


_RULES = {_aten.convolution_backward: _convolution_backward}


class Counted(NamedTuple):
    """Arithmetic of one step; None, with the `reason`, where it cannot be counted."""

    flops: int | None = None
    macs: int | None = None
    activations: int | None = None
    reason: str = ""


def count_step(recipe: Recipe, protocol: Protocol) -> Counted:
    """The arithmetic of one training step of this recipe at its working size and the protocol's batch.

    >>> budget = {"kind": "steps", "amount": 1}
    >>> protocol = Protocol(dataset="embedded", size_px=16, batch=2, budget=budget)
    >>> count_step(Recipe(generator="unet", loss="l1", options={"width": 4, "depth": 2}), protocol).macs
    527360
    """
    if recipe.phases.plan != "joint" or recipe.phases.sizes_px:
        joint = recipe.model_copy(update={"phases": Phases()})
        return count_step(joint, protocol)._replace(flops=None, reason="its phases change what a step costs")
    options = {key: value for key, value in recipe.options.items() if key != "pretrained"}
    size = recipe.size_px or protocol.size_px
    return _count(recipe.generator, GENERATORS[recipe.generator].build, canonical_json(options), head_of(recipe), size,
                  protocol.batch)  # fmt: skip


@lru_cache(maxsize=512)
def _count(key: str, build: object, options: str, head: str, size_px: int, batch: int) -> Counted:
    """Cached by names and by who builds it: two plug-ins may use one name."""
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            model = build_generator(key, head_channels(head), **json.loads(options)).to("meta")
            frozen = not any(parameter.requires_grad for parameter in model.parameters())
            flops, activations = _train_step(model, torch.zeros(batch, 1, size_px, size_px), frozen)
            macs = _forward(model, torch.zeros(1, 1, size_px, size_px))
    except Exception as error:  # a network of a plug-in may do anything; the count must not end its run
        lines = str(error).strip().splitlines()
        return Counted(reason=f"{key} cannot run on the meta device: {lines[0] if lines else type(error).__name__}")
    return Counted(flops, macs, activations)


def _train_step(model: nn.Module, gray: Tensor, frozen: bool) -> tuple[int, int]:
    """FLOPs of forward and backward, and the forward pass's activations."""
    model.train()
    with FlopCounterMode(display=False, custom_mapping=_RULES) as counter:
        written = _Written()
        with written:
            raw = model(gray)
        if not frozen:
            torch.stack([each.sum() for each in _tensors(raw)]).sum().backward()
    return counter.get_total_flops(), written.numbers


def _forward(model: nn.Module, gray: Tensor) -> int:
    model.eval().requires_grad_(False)  # the counter's hooks stumble over queries that ask for a gradient under no_grad
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(gray)
    return counter.get_total_flops() // 2


def _tensors(raw: object) -> list[Tensor]:
    """Every tensor of a raw output that a loss can ask a gradient of."""
    if isinstance(raw, Tensor):
        return [raw]
    parts = raw.values() if isinstance(raw, dict) else raw
    return [tensor for part in parts for tensor in _tensors(part)]


class _Written(TorchDispatchMode):
    """Counts the numbers that convolutions and matrix products write."""

    numbers = 0

    def __torch_dispatch__(self, func: Callable, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket in _WRITERS:
            first = result[0] if isinstance(result, tuple | list) else result
            self.numbers += first.numel()
        return result
