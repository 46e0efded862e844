"""The compile switch: one decorator for every pointwise or reducing kernel of the package.

    from colorbench.color.fused import fused

    @fused
    def _psnr(pred, target):          # plain torch on tensors, plain numbers as settings, no value guards
        return ...

A call of the decorated function

- turns float16 and bfloat16 tensors into float32, and switches autocast off: the values never depend on it;
- runs compiled (torch.compile, forward and backward fused) when that pays and is possible, else eagerly; the
  values agree to rounding.

When it pays is decided by the environment variable COLORBENCH_COMPILE, read at every call:

- `auto` (default): eager at first. On a CPU, a kernel of pictures that has been given 2**30 elements in calls of at least
  2**17 (about 340 batches of 16 x 3 x 256 x 256) is compiled once for this machine by a process in the background, which one
  line announces; from then on, and from the first large call of every later process, the kept library runs (see
  color/kept.py). Other kernels, and all on a GPU, are compiled in this process after 2**32 elements: that takes 10 to 80
  seconds on two slow cores and then saves .04 to .09 seconds per batch, so fewer batches would not pay for it;
- `1`: compile from the first call, whatever the size, and wait; what a large call compiles is kept too;
- `0`: never; the command line sets this where nothing is set. With 0 or 1, two runs are equal bit for bit; with `auto` the
  compiled kernel may differ in the last bit.

Always eager: float64 (the precise path, and gradcheck), double backward (through torch.compile it needs COLORBENCH_COMPILE=0;
kept kernels do it by themselves), other devices than CPU and CUDA, tensor subclasses, inside torch.func transforms,
forward-mode derivatives and dispatch modes (FlopCounterMode, fake tensors), and inside somebody else's torch.compile or
torch.export, which then fuse the kernel themselves. When compilation fails, one warning says so and the kernel stays eager.

Shapes: the first shape is compiled as it is; when another comes, torch compiles once more with those sizes
left open, so a short last batch does not compile for ever. Write kernels on tensors whose leading axis is the
batch, and keep Python numbers (k, sigma) few: each value is a kernel of its own.
"""

import functools
import inspect
import itertools
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import no_type_check

import torch
from torch import Tensor

from colorbench.color.kept import (
    Differentiable,
    Library,
    at_places,
    computed_gradients,
    library_key,
    settings_and_places,
    vector_jacobian,
)
from colorbench.errors import one_line
from colorbench.tensors import is_out_of_memory, widened

LARGE = 1 << 17
PATIENCE = 1 << 32
KEPT_PATIENCE = 1 << 30
PIECE_ELEMENTS = 3 << 16
"""Of the first tensor, worked on at a time by each thread: one RGB picture of 256 px."""
MODES = ("auto", "0", "1")


def compile_mode() -> str:
    """The value of COLORBENCH_COMPILE: auto, 0 or 1."""
    mode = os.environ.get("COLORBENCH_COMPILE", "auto")
    if mode not in MODES:
        raise ValueError(f"COLORBENCH_COMPILE is {mode!r}; use one of {', '.join(MODES)}")
    return mode


@functools.cache
def has_compiler(device: str) -> bool:
    """Whether torch.compile can make code for `cpu` or `cuda` here: a C++ compiler, and Triton for CUDA."""
    cpp = any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++", "c++"))
    return cpp and (device == "cpu" or (device == "cuda" and find_spec("triton") is not None))


def fused(function: Callable) -> Callable:
    """Decorate a kernel: float32 whatever the autocast, compiled where it pays (see the module's docstring)."""
    return _decorated(function, by_picture=False)


def fused_by_picture(function: Callable) -> Callable:
    """`fused` for a kernel whose tensors are all batches of pictures, and whose results at one picture need no other.

    Eager on a CPU, a large batch is then worked through a few pictures at a time, forward and backward: what lies between
    the steps stays in the caches (SSIM of 16 pictures of 256 px takes .37 of the time). The values are equal to rounding, and
    bit for bit where a picture has a multiple of 32 pixels.
    """
    return _decorated(function, by_picture=True)


def _decorated(function: Callable, by_picture: bool) -> Callable:
    switch = _Switch(function, by_picture)

    @functools.wraps(function)
    def call(*args, **kwargs):
        args = tuple(map(widened, args))
        kwargs = {name: widened(value) for name, value in kwargs.items()}
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        with torch.autocast(tensors[0].device.type, enabled=False):
            if torch.compiler.is_compiling():
                return function(*args, **kwargs)
            return switch.choose(tensors, args, kwargs)(*args, **kwargs)

    return call


class _Switch:
    """Chooses between a kernel and its compiled forms, and remembers what it was given."""

    def __init__(self, function: Callable, by_picture: bool):
        self.function, self.by_picture = function, by_picture
        self.elements = 0
        self.broken = False
        self.libraries: dict[tuple, Library | Differentiable] = {}

    def choose(self, tensors: list[Tensor], args: tuple, kwargs: dict) -> Callable:
        mode = compile_mode()
        eager = self._a_few_at_a_time if self.by_picture and _splittable(tensors) else self.function
        if mode == "0" or self.broken or not _compilable(tensors):
            return eager
        compiler = has_compiler(tensors[0].device.type)
        compiled = self._compiled_or_eager if compiler else eager
        elements = max(tensor.numel() for tensor in tensors)
        kept = self._kept(args) if elements >= LARGE and not kwargs else None
        if mode == "1":
            return kept if kept is not None and (kept.ready() or (compiler and kept.make())) else compiled
        if elements < LARGE:
            return eager
        self.elements += elements
        if kept is None:
            return compiled if self.elements > PATIENCE else eager
        if not kept.ready() and compiler and self.elements > KEPT_PATIENCE:
            kept.start_compiling()
        return kept if kept.ready() else eager

    def _kept(self, args: tuple) -> Library | Differentiable | None:
        """The form of this kernel that is compiled once per machine, whether it is already or not."""
        if (key := library_key(args)) is None or not self.function.__module__.startswith("colorbench."):
            return None
        wanted = [place for place, value in enumerate(args) if isinstance(value, Tensor) and needs_gradient([value])]
        if (key := (*key, *wanted)) not in self.libraries:
            function = inspect.unwrap(self.function)
            self.libraries[key] = Differentiable(function, args, wanted) if wanted else Library(function, args)
        return self.libraries[key]

    def _a_few_at_a_time(self, *args, **kwargs):
        function = functools.partial(self.function, **kwargs) if kwargs else self.function
        if needs_gradient([value for value in args if isinstance(value, Tensor)]):
            return _ByPicture.apply(function, *args)
        return _joined([function(*some) for some in _pieces(args)])

    @functools.cached_property
    def compiled(self) -> Callable:
        # unwrapped, because the recompilations of all jaxtyped functions would count as those of one
        return torch.compile(inspect.unwrap(self.function), fullgraph=True, **_recompilation_settings())

    def _compiled_or_eager(self, *args, **kwargs):
        try:
            return self.compiled(*args, **kwargs)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            result = self.function(*args, **kwargs)  # the kernel's own errors come out of this line
            self.broken = True
            warnings.warn(
                f"{self.function.__name__} runs uncompiled from here on, with the same values: {one_line(error)} "
                "(COLORBENCH_COMPILE=0 silences this)",
                RuntimeWarning,
                stacklevel=4,
            )
            return result


@functools.cache
def _recompilation_settings() -> dict:
    """Room for the variants of one kernel (settings x gradient or not x layouts), where this torch can say so."""
    wanted = {"recompile_limit": 64, "isolate_recompiles": True}
    known = inspect.signature(torch.compile).parameters
    return {name: value for name, value in wanted.items() if name in known}


def _splittable(tensors: list[Tensor]) -> bool:
    if tensors[0].numel() <= _piece_elements() or tensors[0].device.type != "cpu" or not all(map(is_plain, tensors)):
        return False
    # inference tensors cannot be saved for backward
    return not needs_gradient(tensors) or not (is_traced() or any(map(Tensor.is_inference, tensors)))


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


def needs_gradient(tensors: list[Tensor]) -> bool:
    """Whether autograd records what is computed from these."""
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)


def _compilable(tensors: list[Tensor]) -> bool:
    return all(is_plain(t) and t.dtype != torch.float64 for t in tensors) and not is_traced()


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
