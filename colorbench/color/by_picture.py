"""A kernel of pictures, eagerly on a CPU: a few pictures at a time, so that what lies between its steps stays in the caches."""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import no_type_check

import torch
from torch import Tensor

from colorbench.color.autograd import (
    at_places,
    computed_gradients,
    is_plain,
    is_traced,
    needs_gradient,
    settings_and_places,
    vector_jacobian,
)

PIECE_ELEMENTS = 3 << 16
"""Of the first tensor, worked on at a time by each thread: one RGB picture of 256 px."""


def splittable(tensors: list[Tensor]) -> bool:
    """Whether a call with these is one for `a_few_at_a_time`: a large batch of plain tensors on a CPU."""
    if tensors[0].numel() <= _piece_elements() or tensors[0].device.type != "cpu" or not all(map(is_plain, tensors)):
        return False
    # inference tensors cannot be saved for backward
    return not needs_gradient(tensors) or not (is_traced() or any(map(Tensor.is_inference, tensors)))


def a_few_at_a_time(function: Callable, *args, **kwargs) -> Tensor | tuple[Tensor, ...]:
    """`function(*args, **kwargs)`, in pieces; gradients too, if autograd records."""
    function = functools.partial(function, **kwargs) if kwargs else function
    if needs_gradient([value for value in args if isinstance(value, Tensor)]):
        return _ByPicture.apply(function, *args)
    return _joined([function(*some) for some in _pieces(args)])


def _piece_elements() -> int:
    return PIECE_ELEMENTS * torch.get_num_threads()


def _pieces(args: Sequence) -> Iterator[list]:
    """The arguments, their tensors a few pictures at a time."""
    first = args[0]
    step = max(1, _piece_elements() * len(first) // first.numel())
    for start in range(0, len(first), step):
        yield [value[start : start + step] if isinstance(value, Tensor) else value for value in args]


def _joined(parts: list) -> Tensor | tuple[Tensor, ...]:
    if isinstance(parts[0], tuple):
        return tuple(torch.cat(results) for results in zip(*parts))
    return torch.cat(parts)


@no_type_check  # of torch's own signatures
class _ByPicture(torch.autograd.Function):
    """A kernel with gradients, a few pictures at a time both ways.

    Every piece has a graph of its own, which the first backward pass frees. Another pass, or one that is differentiated
    itself, computes the kernel again, on the whole batch.
    """

    @staticmethod
    def forward(ctx, function, *args):
        ctx.function, ctx.graphs = function, []
        ctx.settings, ctx.places = settings_and_places(args)
        ctx.wanted = [place for place in ctx.places if ctx.needs_input_grad[1 + place]]
        ctx.save_for_backward(*(args[place] for place in ctx.places))
        parts = []
        for some in _pieces(args):
            for place in ctx.wanted:
                some[place] = some[place].detach().requires_grad_()
            with torch.enable_grad():
                results = function(*some)
            ctx.graphs.append(([some[place] for place in ctx.wanted], results))
            parts.append(tuple(map(Tensor.detach, results)) if isinstance(results, tuple) else results.detach())
        return _joined(parts)

    @staticmethod
    def backward(ctx, *gradients):
        tensors, graphs, ctx.graphs = ctx.saved_tensors, ctx.graphs, None  # freed or changed tensors are refused here
        differentiated = torch.is_grad_enabled()
        if differentiated or graphs is None:
            found = computed_gradients(
                ctx.function, ctx.settings, ctx.places, tensors, gradients, ctx.wanted, create_graph=differentiated
            )
        else:
            ends = itertools.accumulate(len(leaves[0]) for leaves, _ in graphs)
            with torch.autocast("cpu", enabled=False):
                parts = [
                    vector_jacobian(results, [g[end - len(leaves[0]) : end] for g in gradients], leaves)
                    for (leaves, results), end in zip(graphs, ends)
                ]
            found = [torch.cat(pieces) for pieces in zip(*parts)]
        return None, *at_places(ctx.wanted, found, len(ctx.settings))
