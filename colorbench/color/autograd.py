"""What kernels ask of autograd, and gradients of a kernel whose arguments are tensors and settings in any order."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def needs_gradient(tensors: list[Tensor]) -> bool:
    """Whether autograd records what is computed from these."""
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)


def is_plain(tensor: Tensor) -> bool:
    """Whether it is torch's own class."""
    return type(tensor) in (Tensor, torch.nn.Parameter)


def is_traced() -> bool:
    """Whether a compiler, torch.func, forward-mode differentiation or a dispatch mode sees the calls."""
    return (
        torch.compiler.is_compiling()
        or bool(torch._C._len_torch_dispatch_stack())
        or torch._C._functorch.peek_interpreter_stack() is not None  # pyright: ignore[reportAttributeAccessIssue]
        or torch._C._get_tracing_state() is not None
        or torch.autograd.forward_ad._current_level >= 0
    )


def settings_and_places(arguments: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """The arguments with None for every tensor, and where the tensors are."""
    places = [place for place, value in enumerate(arguments) if isinstance(value, Tensor)]
    return [None if place in places else value for place, value in enumerate(arguments)], places


def at_places(places: Sequence[int], values: Sequence[Tensor], count: int) -> list[Tensor | None]:
    """A list of this length with the values at their places, else None."""
    found = dict(zip(places, values))
    return [found.get(place) for place in range(count)]


def computed_gradients(function, settings, places, tensors, gradients, wanted, create_graph=False) -> list[Tensor]:
    """Gradients with respect to the tensors at the places that are wanted, given those of the results; outside autocast."""
    filled = list(settings)
    with torch.enable_grad(), torch.autocast(tensors[0].device.type, enabled=False):
        for place, tensor in zip(places, tensors):
            filled[place] = tensor.view_as(tensor)  # a path from one argument to another is not the kernel's
        results = function(*filled)
        return vector_jacobian(results, gradients, [filled[place] for place in wanted], create_graph)


def vector_jacobian(results, gradients, inputs, create_graph=False) -> list[Tensor]:
    """Gradients with respect to the inputs, given those of the results; 0 where a result does not depend on an input."""
    pairs = zip(results if isinstance(results, tuple) else (results,), gradients)
    outputs, towards = zip(*((result, gradient) for result, gradient in pairs if result.requires_grad))
    found = torch.autograd.grad(outputs, inputs, towards, create_graph=create_graph, allow_unused=True)
    return [torch.zeros_like(tensor) if gradient is None else gradient for gradient, tensor in zip(found, inputs)]
