"""Kernels compiled once per machine: AOTInductor makes a library of a kernel, which later processes load in .1 s.

Only for kernels of whole pictures `(b, c, h, w)`, on a CPU. torch compiles ahead of time forward only, so gradients are a
library of their own. A library serves every batch size and picture size, and was compared with its kernel at some. Its name is
a hash of all that it depends on: the sources, torch, the processor, the settings and the types. A checksum lies beside it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from inspect import unwrap
from pathlib import Path
from typing import Any, ClassVar, no_type_check

import torch
from torch import Tensor

from colorbench.color.autograd import at_places, computed_gradients, settings_and_places
from colorbench.errors import one_line
from colorbench.files import bytes_sha256, cache_folder, hold, sources_sha256, write_atomically
from colorbench.machine import instruction_set

EXAMPLE_PX = (48, 80)
"""Sides of the pictures that a kernel is traced with: unequal, and large enough for every window."""
LIBRARY, CHECKSUM, FAILED = "kernel.pt2", "kernel.sha256", "failed.txt"
_CHECKED_SIZES = ((1, 24, 40), (3, 1, 1), (2, 97, 12), (5, 12, 30))  # pictures, rows, columns
_TOLERANCE = 1e-2  # of the largest value
_LONGEST_WAIT_SECONDS = 3600.0
_KERNELS = ("color", "metrics", "losses")  # where kernels are written
_PLAIN = (bool, int, float, str, type(None))
_COMPILE_HERE = """
import os, sys
from colorbench.color.kept import compile_here
getattr(os, "nice", int)(10)
compile_here(*sys.argv[1:])
"""


class Library:
    """One kernel with its settings and types: loaded where it is kept, else compiled by a process of its own.

    Args:
        function: of a module of the package, plain torch on tensors.
        arguments: as of the first call; tensors stand for all of their type and number of channels.
        gradients_of: places of the arguments whose gradients it computes, from all tensors and the gradients of the results;
            none: the results themselves.

    Attributes:
        compiling: the last process that this one has started to compile a library; there is one at a time.
        was_asked_for: whether this library's has been started.
    """

    compiling: ClassVar[subprocess.Popen | None] = None

    def __init__(self, function: Callable, arguments: Sequence[Any], gradients_of: Sequence[int] = ()):
        self.function = function
        described = [
            {"dtype": str(value.dtype).removeprefix("torch."), "channels": value.shape[1]}
            if isinstance(value, Tensor)
            else value
            for value in arguments
        ]
        self.kernel = json.dumps([f"{function.__module__}:{function.__name__}", described, [*gradients_of]])
        digest = bytes_sha256(
            f"{self.kernel} {torch.__version__} {instruction_set()} {sources_sha256(*_KERNELS)}".encode()
        )
        kind = "-gradients" if gradients_of else ""
        self.folder = cache_folder() / "kernels" / f"{function.__name__.strip('_')}{kind}-{digest[:16]}"
        self.was_asked_for = False
        self._run: Callable[[list[Tensor]], list[Tensor]] | None = None

    def ready(self) -> bool:
        """Whether the library is loaded, after a look for it. A damaged one is deleted."""
        path = self.folder / LIBRARY
        if self._run is None and path.is_file():
            try:
                _check_whole(self.folder)
                self._run = _loaded(path)
            except (RuntimeError, OSError):
                with suppress(OSError):
                    path.unlink()
        return self._run is not None

    def __call__(self, *arguments: Any) -> Tensor | tuple[Tensor, ...]:
        """The kernel's results, as of the function."""
        try:
            results = self.run([value for value in arguments if isinstance(value, Tensor)])
        except RuntimeError:
            return self.function(*arguments)  # the kernel's own errors come out of this line
        return results[0] if len(results) == 1 else tuple(results)

    def run(self, tensors: list[Tensor]) -> list[Tensor]:
        """What the library gives for these tensors; it must be ready."""
        assert self._run is not None
        return self._run([tensor.contiguous() for tensor in tensors])

    def start_compiling(self) -> None:
        """Start the process that compiles it, once, unless another library's still runs."""
        running = Library.compiling
        if self.was_asked_for or (running is not None and running.poll() is None) or (self.folder / FAILED).exists():
            return
        _announce(self.folder.parent)
        self.was_asked_for = True
        Library.compiling = subprocess.Popen(
            [sys.executable, "-c", _COMPILE_HERE, self.kernel, str(self.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"JAXTYPING_DISABLE": "1", "COLORBENCH_COMPILE": "0"},
            start_new_session=True,  # Ctrl-C at the terminal is not meant for it
        )

    def make(self) -> bool:
        """Whether it is ready after it was compiled in this process, where it was not kept yet."""
        if not self.ready() and not (self.folder / FAILED).exists():
            _announce(self.folder.parent)
            with suppress(OSError):  # a cache folder that cannot be written
                compile_here(self.kernel, str(self.folder))
        return self.ready()


class Differentiable:
    """A kernel's library and that of its gradients, as one; arguments as of `Library`."""

    def __init__(self, function: Callable, arguments: Sequence[Any], gradients_of: Sequence[int]):
        self.function, self.gradients_of = function, tuple(gradients_of)
        self.forward, self.backward = Library(function, arguments), Library(function, arguments, gradients_of)

    def ready(self) -> bool:
        return self.forward.ready() and self.backward.ready()

    def start_compiling(self) -> None:
        for library in (self.forward, self.backward):
            if not library.ready():
                library.start_compiling()

    def make(self) -> bool:
        return self.forward.make() and self.backward.make()

    def __call__(self, *arguments: Any) -> Tensor | tuple[Tensor, ...]:
        return _WithGradients.apply(self, *arguments)


@no_type_check  # of torch's own signatures
class _WithGradients(torch.autograd.Function):
    @staticmethod
    def forward(ctx, kept: Differentiable, *arguments):
        ctx.kept = kept
        ctx.settings, ctx.places = settings_and_places(arguments)
        ctx.save_for_backward(*(arguments[place] for place in ctx.places))
        return kept.forward(*arguments)

    @staticmethod
    def backward(ctx, *gradients):
        tensors, wanted = list(ctx.saved_tensors), ctx.kept.gradients_of
        if torch.is_grad_enabled():  # gradients of gradients are wanted: eager
            found = computed_gradients(
                ctx.kept.function, ctx.settings, ctx.places, tensors, gradients, wanted, create_graph=True
            )
        else:
            found = ctx.kept.backward.run([*tensors, *gradients])
        return None, *at_places(wanted, found, len(ctx.settings))


@cache
def _announce(folder: Path) -> None:
    """One line, once per process."""
    print(f"colorbench compiles kernels, once for this machine: {folder}", file=sys.stderr, flush=True)


def library_key(arguments: Sequence[Any]) -> tuple | None:
    """What calls of a kernel that share a library have in common; None for a call that no library serves: other than pictures
    of one size on the CPU, settings that are not plain, or a torch without what loads libraries."""
    tensors = [value for value in arguments if isinstance(value, Tensor)]
    if not all(t.ndim == 4 and t.shape == tensors[0].shape and t.device.type == "cpu" for t in tensors):
        return None
    if not all(isinstance(value, (Tensor, *_PLAIN)) for value in arguments) or not hasattr(torch._C, "_aoti"):
        return None
    return tuple((v.dtype, v.shape[1]) if isinstance(v, Tensor) else (type(v), v) for v in arguments)


def compile_here(kernel: str, folder: str) -> None:
    """Compile a `Library.kernel` into its folder, one at a time on this machine; where that fails, the reason stays there."""
    place = Path(folder)
    with hold(place.parent, timeout_seconds=_LONGEST_WAIT_SECONDS):
        if (place / LIBRARY).exists():  # another process asked for the same
            return
        try:
            name, arguments, gradients_of = json.loads(kernel)
            _compile(name, arguments, gradients_of, place)
        except Exception as error:
            write_atomically(place / FAILED, one_line(error).encode("utf-8", "backslashreplace"))


def _compile(name: str, arguments: list[Any], gradients_of: list[int], folder: Path) -> None:
    from torch._inductor import aoti_compile_and_package
    from torch.export import Dim, export
    from torch.fx.experimental.proxy_tensor import make_fx

    module, _, function = name.partition(":")
    kernel = unwrap(getattr(import_module(module), function))
    places = [place for place, value in enumerate(arguments) if isinstance(value, dict)]

    class Results(torch.nn.Module):
        def forward(self, tensors: list[Tensor]):
            filled = list(arguments)
            for place, tensor in zip(places, tensors):
                filled[place] = tensor
            return kernel(*filled)

    def gradients(tensors: list[Tensor], towards: list[Tensor]) -> list[Tensor]:
        leaves = [t.detach().requires_grad_(place in gradients_of) for place, t in zip(places, tensors)]
        with torch.enable_grad():
            return computed_gradients(kernel, arguments, places, leaves, towards, gradients_of)

    def pictures(count: int, height: int, width: int) -> list[Tensor]:
        some = [arguments[place] for place in places]
        drawn = [torch.rand(count, each["channels"], height, width).mul(200) for each in some]
        return [picture.to(getattr(torch, each["dtype"])) for picture, each in zip(drawn, some)]

    def towards_of(tensors: list[Tensor]) -> list[Tensor]:
        results = Results()(tensors)
        return [torch.rand_like(result) for result in (results if isinstance(results, tuple) else (results,))]

    tensors = pictures(4, *EXAMPLE_PX)
    examples: tuple = (tensors, towards_of(tensors)) if gradients_of else (tensors,)
    graph = make_fx(gradients, tracing_mode="symbolic")(*examples) if gradients_of else Results()
    # every size may change but that of the channels, which is the second one of pictures and of values per channel
    sizes = tuple(
        [{dim: Dim.AUTO for dim in range(tensor.ndim) if dim != 1 or tensor.ndim == 3} for tensor in tensors]
        for tensors in examples
    )
    with torch.no_grad():
        exported = export(graph, examples, dynamic_shapes=sizes)
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "unfinished.pt2"
    # dynamic_threads: torch.set_num_threads of the process that calls counts, not of this one
    aoti_compile_and_package(exported, package_path=str(made), inductor_configs={"cpp.dynamic_threads": True})
    run = _loaded(made)
    for size in _CHECKED_SIZES:
        tensors = pictures(*size)
        with suppress(RuntimeError):  # too small for the kernel; the library is not asked then, or gives way to it
            towards = towards_of(tensors) if gradients_of else []
            wanted = gradients(tensors, towards) if gradients_of else Results()(tensors)
            _check_close(run([*tensors, *towards]), wanted if isinstance(wanted, list | tuple) else [wanted], size)
    write_atomically(folder / CHECKSUM, _checksum(folder, made).encode())
    made.replace(folder / LIBRARY)


def _check_close(found: Sequence[Tensor], wanted: Sequence[Tensor], size: tuple[int, ...]) -> None:
    """Raise ValueError where they differ: tracing may have kept a size of its examples as a constant."""
    for ours, theirs in zip(found, wanted, strict=True):
        largest = theirs.double().nan_to_num(0.0, 0.0, 0.0).abs().max().item()
        if not torch.allclose(ours.double(), theirs.double(), rtol=0, atol=_TOLERANCE * largest, equal_nan=True):
            raise ValueError(f"compiled, it has other values for pictures of (count, height, width) {size}")


def _loaded(path: Path) -> Callable[[list[Tensor]], list[Tensor]]:
    # not torch._inductor.aoti_load_package: its import takes two seconds and more
    loader = torch._C._aoti.AOTIModelPackageLoader  # pyright: ignore[reportAttributeAccessIssue]
    return loader(str(path), "model", False, 1, -1).boxed_run


def _checksum(folder: Path, library: Path) -> str:
    """Of the library's bytes, and of the folder's name: another kernel's library would give its values."""
    return bytes_sha256(folder.name.encode() + library.read_bytes())


def _check_whole(folder: Path) -> None:
    """Raise OSError unless the library is the one that was written: a damaged one can end the process that loads it."""
    if (folder / CHECKSUM).read_text() != _checksum(folder, folder / LIBRARY):
        raise OSError(f"{folder / LIBRARY} is damaged")
