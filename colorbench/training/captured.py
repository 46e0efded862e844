"""CapturedStep: a training step as CUDA graphs, launched whole instead of kernel by kernel.

Launched one by one, the kernels of a small network wait for the CPU: on an H100 at 128 px and batch 16, 17 of 18
generators took as long as the launching, up to 5.7 times what the device needs. A graph makes a step cost what the
device computes, whatever CPU sits beside it. One graph per phase and picture size; all share one pool of memory.

What is captured must not depend on the host: no reading from the device, no decision by the host's random numbers, no
tensor made from host data. Random numbers of the device are drawn anew at every replay, from the seed set before it.
"""

import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakSet

import torch
from torch import Tensor

from colorbench.errors import one_line
from colorbench.tensors import is_out_of_memory
from colorbench.training.device import free_memory

Parts = dict[str, Tensor]
Step = Callable[[str, Tensor, Tensor | None], Parts]
"""Phase, photos, others -> the parts of the loss; everything else it changes is in place."""

_WARM_UP = 3  # eager steps before a capture: libraries choose their kernels and make their workspaces in them
_SAME = 0.02  # relative: how far a replay's loss may be from the eager step's; atomics and TF32 stay well below

_streams: dict[torch.device, torch.cuda.Stream] = {}
_living: "WeakSet[torch.cuda.CUDAGraph]" = WeakSet()


class _Inputs(NamedTuple):
    photos: Tensor
    others: Tensor | None


class _Graph(NamedTuple):
    graph: torch.cuda.CUDAGraph
    inputs: _Inputs
    parts: Parts


class CapturedStep:
    """A step that is replayed where it has been captured, and called where not.

    Args:
        step: what to capture.
        state: every tensor that the step changes in place, at the time of the call. Tensors that first appear during the
            warm-up (an optimizer's moments) start at zero.
    """

    def __init__(self, step: Step, state: Callable[[], Iterator[Tensor]]):
        self._step, self._state = step, state
        self._graphs: dict[tuple, _Graph] = {}
        self.refused = ""  # why no further step is captured

    def is_new(self, phase: str, photos: Tensor) -> bool:
        """Whether steps of this phase and size can still be captured."""
        return not self.refused and _key(phase, photos) not in self._graphs

    def capture(self, phase: str, photos: Tensor, others: Tensor | None) -> None:
        """Capture this kind of step; the state is afterwards what it was before. Where that fails, `refused` says why and
        the step stays as it is.

        Raises:
            Whatever the step itself raises when it is called, such as out of memory.
        """
        device, shown = photos.device, _Inputs(photos.clone(), None if others is None else others.clone())
        with torch.cuda.device(device), _kept(self._state) as restore:  # a capture waits for the current device
            side = _stream(device)
            side.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(side):
                for _ in range(_WARM_UP):
                    self._step(phase, *shown)
                restore()
                shown.photos.copy_(photos.flip(0))  # a check that sees other photos than the capture
                torch.manual_seed(1)
                with _no_waiting() as waited:
                    parts = self._step(phase, *shown)
                if waited:
                    self.refused = f"the step waits for the device: {waited[0]}"
                    return
                wanted = _numbers(parts)
                restore()
                shown.photos.copy_(photos)
            torch.cuda.current_stream(device).wait_stream(side)
            try:
                graph, parts = _captured(lambda: self._step(phase, *shown), side)
            except Exception as error:
                if is_out_of_memory(error):
                    raise
                self.refused = f"the step cannot be captured: {one_line(error.__context__ or error)}"
                return
            shown.photos.copy_(photos.flip(0))
            torch.manual_seed(1)
            graph.replay()
            found = _numbers(parts)
        if _alike(wanted, found):
            self._graphs[_key(phase, photos)] = _Graph(graph, shown, parts)
            _living.add(graph)
        else:
            self.refused = f"the captured step has the loss {found} where the step itself has {wanted}"

    def release(self) -> None:
        """Forget the graphs, so that their memory is free for other things."""
        self._graphs.clear()

    def __call__(self, phase: str, photos: Tensor, others: Tensor | None) -> Parts:
        """Take a step. The parts of a replayed one hold until the next."""
        captured = self._graphs.get(_key(phase, photos))
        if captured is None:
            return self._step(phase, photos, others)
        captured.inputs.photos.copy_(photos)
        if captured.inputs.others is not None and others is not None:
            captured.inputs.others.copy_(others)
        with torch.cuda.device(photos.device):
            captured.graph.replay()
        return captured.parts


def _captured(step: Callable[[], Parts], side: torch.cuda.Stream) -> tuple[torch.cuda.CUDAGraph, Parts]:
    """The graph of a step, and what it returned.

    Inside a capture torch cannot give unused memory back to the device: when that runs out, it is done outside, and the step
    captured again.
    """
    try:
        return _graph_of(step, side)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    free_memory()  # outside the handler, so that the traceback's tensors are gone
    return _graph_of(step, side)


def _graph_of(step: Callable[[], Parts], side: torch.cuda.Stream) -> tuple[torch.cuda.CUDAGraph, Parts]:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, _shared_pool(), side, capture_error_mode="thread_local"):
        parts = step()
    return graph, parts


def _key(phase: str, photos: Tensor) -> tuple:
    return phase, tuple(photos.shape)


def _stream(device: torch.device) -> torch.cuda.Stream:
    """Beside the usual one, as torch's notes on graphs ask; one for all captures, because memory belongs to a stream."""
    if device not in _streams:
        _streams[device] = torch.cuda.Stream(device)
    return _streams[device]


def _shared_pool() -> Any:
    """The memory pool of this process's living graphs, None without any. They are replayed one after another, so they can share
    it."""
    return next((graph.pool() for graph in _living), None)


@contextmanager
def _kept(state: Callable[[], Iterator[Tensor]]) -> Iterator[Callable[[], None]]:
    """Give a function that restores all state; restore it at the end in any case."""
    before = {id(tensor): (tensor, tensor.detach().cpu()) for tensor in state()}  # on the CPU: the device may be full

    @torch.no_grad()
    def restore() -> None:
        for tensor, value in before.values():
            tensor.copy_(value)
        for tensor in state():
            if id(tensor) not in before:
                tensor.zero_()

    try:
        yield restore
    finally:
        restore()


@contextmanager
def _no_waiting() -> Iterator[list[str]]:
    """End the block at the first operation that waits for the device, and name it in the list that is given. A capture would
    break there, and leave torch's random numbers and memory pools in disorder."""
    waited: list[str] = []
    usual = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls this mode a prototype
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield waited
    except RuntimeError as error:
        if "synchroniz" not in str(error):
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        waited.append(f"{Path(frame.filename).name}, line {frame.lineno}: {str(frame.line)[:80]}")
    finally:
        torch.cuda.set_sync_debug_mode(usual)


def _numbers(parts: Parts) -> dict[str, float]:
    return {key: float(value) for key, value in parts.items()}


def _alike(wanted: dict[str, float], found: dict[str, float]) -> bool:
    if wanted.keys() != found.keys():
        return False
    largest = max((abs(value) for value in wanted.values()), default=0.0)
    return all(
        not abs(found[key] - value) > _SAME * max(abs(value), 0.1 * largest) for key, value in wanted.items()
    )  # "not >", so that NaN passes here: the loop finds it
