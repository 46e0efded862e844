"""What a generator costs in arithmetic, counted on the meta device: no memory, no weights, no random state touched.

`flops`: forward and backward of one batch, by torch's FlopCounterMode (a multiply and an add are two). Excluded, for
every recipe alike: critics, frozen feature networks, color conversions, the optimizer; and what that counter does not
know: pooling, norms, softmax, FFT. `macs`: multiply-accumulates of one picture, forward. `activations`: numbers that
convolutions and matrix products write in the forward pass of one batch; with the MACs they predict the step time
(Radosavovic 2020, arXiv 2003.13678). `describe`: parameters and MACs at 256 px.
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from colorbench.cell import canonical_json
from colorbench.errors import one_line
from colorbench.generators.build import build_generator, build_row, find_row
from colorbench.generators.row import GeneratorRow
from colorbench.generators.table import GENERATORS

COUNTED_PX = 256

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


class Arithmetic(NamedTuple):
    """Of one training step; None, with the `reason`, where it cannot be counted."""

    flops: int | None = None
    macs: int | None = None
    activations: int | None = None
    reason: str = ""


class Description(NamedTuple):
    """Size of one generator. `macs`: multiply-accumulates of one 256 x 256 picture; None if they cannot be counted."""

    parameters: int
    trainable_parameters: int
    macs: int | None

    @property
    def gmacs(self) -> float | None:
        """Billions of multiply-accumulates."""
        return None if self.macs is None else self.macs / 1e9


def describe(key: str, out_channels: int | None = None, **options) -> Description:
    """Size of the generator `key` with these options.

    Args:
        key: of the GENERATORS table.
        out_channels: default: those of the published head.
        options: as for `build_generator`.

    >>> describe("linknet").parameters
    11657538
    """
    return describe_row(find_row(key), out_channels, **options)


def describe_row(row: GeneratorRow, out_channels: int | None = None, **options) -> Description:
    """The same for a row that need not be in the table."""
    with torch.device("meta"):
        network = build_row(row, out_channels or row.out_channels, **options)
    parameters = list(network.parameters())
    trainable = sum(p.numel() for p in parameters if p.requires_grad)
    try:
        macs = forward_macs(network, COUNTED_PX)
    except (RuntimeError, NotImplementedError, ValueError):  # it needs real values
        macs = None
    return Description(sum(p.numel() for p in parameters), trainable, macs)


def count_arithmetic(key: str, options: dict, out_channels: int, size_px: int, batch: int) -> Arithmetic:
    """The arithmetic of one training step of a generator of the table.

    >>> count_arithmetic("unet", {"width": 4, "depth": 2}, out_channels=2, size_px=16, batch=2).macs
    527360
    """
    return _count(key, GENERATORS[key].build, canonical_json(options), out_channels, size_px, batch)


@lru_cache(maxsize=512)
def _count(key: str, build: object, options: str, out_channels: int, size_px: int, batch: int) -> Arithmetic:
    """Cached by names and by who builds it: two plug-ins may use one name."""
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            network = build_generator(key, out_channels, **json.loads(options)).to("meta")
            frozen = not any(parameter.requires_grad for parameter in network.parameters())
            flops, activations = _train_step(network, torch.zeros(batch, 1, size_px, size_px), frozen)
            macs = forward_macs(network, size_px)
    except Exception as error:  # a network of a plug-in may do anything; the count must not end its run
        return Arithmetic(reason=f"{key} cannot run on the meta device: {one_line(error)}")
    return Arithmetic(flops, macs, activations)


def forward_macs(network: nn.Module, size_px: int) -> int:
    """Multiply-accumulates of one picture. The network must be on the meta device, and is spent.

    Raises:
        Exception: of any kind, from a network that cannot run without real values.
    """
    network.eval().requires_grad_(False)  # the counter's hooks fail on queries that ask for a gradient under no_grad
    with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.device("meta"):
        network(torch.zeros(1, 1, size_px, size_px))
    return counter.get_total_flops() // 2


def _train_step(network: nn.Module, gray: Tensor, frozen: bool) -> tuple[int, int]:
    """FLOPs of forward and backward, and the forward pass's activations."""
    network.train()
    with FlopCounterMode(display=False, custom_mapping=_RULES) as counter:
        written = _Written()
        with written:
            raw = network(gray)
        if not frozen:
            torch.stack([each.sum() for each in _tensors(raw)]).sum().backward()
    return counter.get_total_flops(), written.numbers


def _tensors(raw: Any) -> list[Tensor]:
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
