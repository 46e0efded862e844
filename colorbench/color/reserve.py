"""Memory for large results on a CPU, without a page fault for every 4 KB of it.

What is larger than 32 MB comes fresh from the system each time, and its first touch costs more than computing it: of the
45 ms of a soft encoding (k = 10, 16 x 256 x 256: 126 MB), 30 went there. NumPy asks Linux for pages of 2 MB, torch does
not (unless THP_MEM_ALLOC_ENABLE=1 is set before it starts). Kernels then work tile by tile, small enough for a cache, and
each tile is copied to its place.
"""

import torch
from torch import Tensor

LARGE_BYTES = 1 << 24


def pays_to_reserve(like: Tensor) -> bool:
    """Whether to work in tiles and `reserve` what they add up to: a large plain tensor on a CPU, outside any tracing."""
    plain = type(like) in (Tensor, torch.nn.Parameter) and like.device.type == "cpu"
    return plain and like.nbytes > LARGE_BYTES // 4 and not torch.compiler.is_compiling()


def reserve(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """An uninitialised tensor on the CPU, on large pages when it is large.

    >>> reserve((2, 3), torch.int64).shape
    torch.Size([2, 3])
    """
    import numpy as np

    return torch.from_numpy(np.empty(shape, torch.empty(0, dtype=dtype).numpy().dtype))
