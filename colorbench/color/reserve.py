"""Memory for large results on a CPU, kept for the next result of about that size.

What is larger than 32 MB comes fresh from the system each time and goes back when it is dropped, and the first touch of a
page costs more than what is written there: a soft encoding (k = 10, 16 x 256 x 256: 126 MB) took 22 to 100 ms in fresh
memory and 16 ms in memory used before. torch does as much on a GPU, but not on a CPU. Up to KEEP_BYTES are kept, on pages
of 2 MB where the system has them (NumPy asks for them, torch does not). Kernels then work tile by tile, small enough for
a cache, and each tile is copied to its place.
"""

import math
import weakref

import torch
from torch import Tensor

LARGE_BYTES = 1 << 24
KEEP_BYTES = 1 << 28
ALIGNMENT = 64

_kept: dict = {}
"""id -> buffer that nobody uses, the longest unused first. Taken by single operations, which no thread can come between."""


def pays_to_reserve(like: Tensor) -> bool:
    """Whether to work in tiles and `reserve` what they add up to: a large plain tensor on a CPU, outside any tracing."""
    plain = type(like) in (Tensor, torch.nn.Parameter) and like.device.type == "cpu"
    return plain and like.nbytes > LARGE_BYTES // 4 and not torch.compiler.is_compiling()


def reserve(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """An uninitialised tensor on the CPU. When it and all its views are gone, its memory is kept.

    >>> reserve((2, 3), torch.int64).shape
    torch.Size([2, 3])
    """
    import numpy as np

    kind = torch.empty(0, dtype=dtype).numpy().dtype
    size = math.prod(shape) * kind.itemsize
    if size < LARGE_BYTES // 16:
        return torch.empty(shape, dtype=dtype)
    buffer = _used_before(size)
    if buffer is None:
        buffer = np.empty(size + ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    array = buffer[start : start + size].view(kind).reshape(shape)
    weakref.finalize(array, _keep, buffer).atexit = False
    return torch.from_numpy(array)


def release() -> None:
    """Give what is kept back to the system."""
    _kept.clear()


def _used_before(size: int):
    """The kept buffer that holds so many bytes with the least to spare, at most as much again."""
    for buffer in sorted(_kept.values(), key=lambda buffer: buffer.nbytes):
        if size + ALIGNMENT <= buffer.nbytes <= 2 * size and _kept.pop(id(buffer), None) is buffer:
            return buffer
    return None


def _keep(buffer) -> None:
    _kept[id(buffer)] = buffer
    while sum(kept.nbytes for kept in tuple(_kept.values())) > KEEP_BYTES:
        _kept.pop(next(iter(_kept), 0), None)
