"""Rows of a memory-mapped file to the device, read ahead by one thread: for photos that do not fit in memory.

Read by `preadv`, not through the memory map: a fault every 4 KiB made 16 cold photos of 256 px take 120 ms from a 2 GB
file and 600 ms from a sparse 20 GB file, where reading takes 3 and 1 ms. Neither holds the interpreter's lock.
"""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

AHEAD = 4  # batches read before they are asked for


class RowStream:
    """`take(step)` gives `pixels[rows_of(step)]` on the device; the next steps are read meanwhile.

    Steps may be asked for in any order; only consecutive ones are read ahead.
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
        """End the thread after the batch that it is reading."""
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
        return self._read_pinned(rows, self._copies)

    def _read_pinned(self, rows: np.ndarray, copies: torch.cuda.Stream) -> torch.Tensor:
        """Copy through one pinned buffer and a stream of its own; return when the copy is done, so that the buffer is free."""
        if self._pinned is None or len(self._pinned) != len(rows):
            self._pinned = torch.empty((len(rows), *self._row_shape), dtype=torch.uint8, pin_memory=True)
        self._source.read_into(self._pinned.numpy(), rows)
        with torch.cuda.stream(copies):
            moved = self._pinned.to(self._device, non_blocking=True)
        copied = torch.cuda.Event()  # an event, not the stream: that counts as waiting in a step that is being captured
        copied.record(copies)
        copied.synchronize()
        return moved


class Rows:
    """`read_into(out, rows)` copies `pixels[rows]`; from the file when `pixels` maps a whole one."""

    def __init__(self, pixels: np.ndarray):
        self._pixels, self._path = pixels, mapped_file(pixels)
        self._file = None if self._path is None else os.open(self._path, os.O_RDONLY)

    def read_into(self, out: np.ndarray, rows: np.ndarray) -> None:
        """Fills `out` with the rows, in their order.

        Raises:
            OSError: the file has become shorter.
        """
        if self._file is None:
            np.take(self._pixels, rows, axis=0, out=out, mode="clip")
            return
        for target, row in zip(out, rows):
            self._read(self._file, memoryview(target).cast("B"), int(row) * target.nbytes)

    def close(self) -> None:
        """Close the file; calling it again does nothing."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _read(self, file: int, target: memoryview, offset: int) -> None:
        done = 0
        while done < len(target):
            count = os.preadv(file, [target[done:]], offset + done)
            if count == 0:
                raise OSError(f"{self._path} has become shorter while photos were read from it")
            done += count


def mapped_file(pixels: np.ndarray) -> Path | None:
    """The file that this array is from its first byte to its last; None otherwise (for a slice of a memory map)."""
    if not isinstance(pixels, np.memmap) or not pixels.filename or not hasattr(os, "preadv"):
        return None
    path = Path(pixels.filename)
    return path if pixels.flags.c_contiguous and pixels.nbytes == path.stat().st_size else None


def prefetch(pixels: np.ndarray) -> None:
    """Tell the system that the whole file is needed soon, so that it reads ahead in large pieces."""
    path = mapped_file(pixels)
    if path is not None and hasattr(os, "posix_fadvise"):
        file = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(file)
