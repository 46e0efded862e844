"""Memory: how much was used, and what happens when it does not suffice."""

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

from colorbench.training.ledger import Ledger

Result = TypeVar("Result")


def with_smaller_parts(attempt: Callable[[], Result], ledger: Ledger, most: int) -> Result:
    """Try; while a step does not fit in memory, halve the ledger's micro-batch (at first `most`) and try again.

    Raises:
        torch.OutOfMemoryError: one photo at a time does not fit either.
    """
    while True:
        try:
            return attempt()
        except Exception as error:
            size = min(ledger.micro_batch or most, most)
            if not is_out_of_memory(error) or size == 1:
                raise
            ledger.micro_batch = size // 2
        gc.collect()  # outside the handler, so that the traceback's tensors are gone
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA's own class, Python's, and the CPU allocator's message."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "out of memory" in text)


def peak_bytes(device: torch.device) -> int | None:
    """Peak memory: of the allocator on a GPU, of the whole process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    except ImportError:  # no such module on Windows
        return None
