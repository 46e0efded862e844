"""Rows of a memory-mapped file to the device, read ahead by one thread: for photos that fit in no memory."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from colorbench.data.rows import Rows

AHEAD = 4  # batches read before they are asked for


class RowStream:
    """`take(step)` gives `pixels[rows_of(step)]` on the device; the next steps are read meanwhile.

    Steps may be asked for in any order; only consecutive ones come read ahead.
    """

    def __init__(self, pixels: np.ndarray, rows_of: Callable[[int], np.ndarray], device: torch.device):
        self._row_shape, self._rows_of, self._device = pixels.shape[1:], rows_of, device
        self._source = Rows(pixels)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="colorbench-photos")
        self._pending: deque[tuple[int, Future]] = deque()
        self._copies = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._pinned: torch.Tensor | None = None

    def take(self, step: int) -> torch.Tensor:
        """The stored photos of this step, uint8 `(b, 3, s, s)`."""
        if self._pending and self._pending[0][0] != step:
            self._forget()
        first = self._pending[-1][0] + 1 if self._pending else step
        for ahead in range(first, step + AHEAD + 1):
            self._pending.append((ahead, self._pool.submit(self._read, ahead)))
        rows = self._pending.popleft()[1].result()
        if self._copies is not None:
            rows.record_stream(torch.cuda.current_stream(self._device))
        return rows

    def close(self) -> None:
        """Ends the thread, after the batch it is reading."""
        self._forget()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._source.close()

    def _forget(self) -> None:
        while self._pending:
            self._pending.popleft()[1].cancel()

    def _read(self, step: int) -> torch.Tensor:
        rows = self._rows_of(step)
        if self._copies is None:
            batch = torch.empty((len(rows), *self._row_shape), dtype=torch.uint8)
            self._source.read_into(batch.numpy(), rows)
            return batch
        return self._read_pinned(rows)

    def _read_pinned(self, rows: np.ndarray) -> torch.Tensor:
        """Through one pinned buffer and a copy stream of its own; back when the copy is done, so the buffer is free."""
        if self._pinned is None or len(self._pinned) != len(rows):
            self._pinned = torch.empty((len(rows), *self._row_shape), dtype=torch.uint8, pin_memory=True)
        self._source.read_into(self._pinned.numpy(), rows)
        with torch.cuda.stream(self._copies):
            moved = self._pinned.to(self._device, non_blocking=True)
        self._copies.synchronize()
        return moved
