"""The compile switch: one decorator for every pointwise or reducing kernel of the package.

    from colorbench.color.fused import fused

    @fused
    def _psnr(pred, target):          # plain torch on tensors, plain numbers as settings, no value guards
        return ...

A call of the decorated function

- turns float16 and bfloat16 tensors into float32, and switches autocast off: the values never depend on it;
- runs compiled (torch.compile, forward and backward fused) when that pays and is possible, else eagerly; the
  values agree to rounding, and gradients too but on an edge (black lies on that of the gamut), where it may be either side's.

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
import os
import shutil
import warnings
from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import Tensor

from colorbench.color.autograd import is_plain, is_traced, needs_gradient
from colorbench.color.by_picture import a_few_at_a_time, splittable
from colorbench.color.kept import Differentiable, Library, library_key
from colorbench.errors import one_line
from colorbench.tensors import is_out_of_memory, widened

LARGE = 1 << 17
PATIENCE = 1 << 32
KEPT_PATIENCE = 1 << 30
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
        in_pieces = self.by_picture and splittable(tensors)
        eager = functools.partial(a_few_at_a_time, self.function) if in_pieces else self.function
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


def _compilable(tensors: list[Tensor]) -> bool:
    return all(is_plain(t) and t.dtype != torch.float64 for t in tensors) and not is_traced()
