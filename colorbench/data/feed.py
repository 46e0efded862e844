"""Photos to the device: uint8, resident when they fit, else streamed; cropped and flipped there.

`feed.batch_at(step)` is a pure function of (photos, seed, step): the same bits whether resident or streamed, on the
first run or after kill -9. Nothing has to be saved.
"""

import time

import torch

from colorbench.data.augment import cut_and_flip
from colorbench.data.order import crops_at, rows_at
from colorbench.data.photoset import PhotoSet
from colorbench.data.rows import expect
from colorbench.data.stream import RowStream
from colorbench.tensors import Rgb8

RESIDENT_SHARE = 0.5  # photos stay on the device when they take at most this share of its free memory
_PLAN_STEPS = 64  # rows and crops of so many steps go to the device in one small copy


class PhotoFeed:
    """Batches of training photos on the device.

    Args:
        photos: what to show; `batch` photos a step, in epochs without repetition that run on across their ends.
        seed: of order, crops and flips.
        crop_px: side of the random crop; None (or the stored side) takes the whole stored picture.
        flip: mirror every photo with probability 1/2.
        resident: True keeps all photos on the device, False streams them, None decides by free memory.
        rank, world: this process's contiguous part of the global batch, for several devices in one cell.
    """

    def __init__(
        self,
        photos: PhotoSet,
        device: torch.device | str,
        batch: int,
        seed: int,
        crop_px: int | None = None,
        flip: bool = True,
        *,
        resident: bool | None = None,
        rank: int = 0,
        world: int = 1,
    ):
        stored_px = photos.pixels.shape[-1]
        self.crop_px = stored_px if crop_px is None else crop_px
        _check(photos, batch, self.crop_px, rank, world)
        self.photos, self.device, self.batch, self.seed, self.flip = photos, torch.device(device), batch, seed, flip
        self.resident = fits(photos.pixels.nbytes, self.device) if resident is None else resident
        self._mine = slice(rank * batch // world, (rank + 1) * batch // world)
        self._slack_px = stored_px - self.crop_px
        self._block, self._plan = -1, torch.empty(0)
        self._pixels = _whole(photos.pixels, self.device) if self.resident else None
        self._stream = None if self.resident else RowStream(photos.pixels, self._rows, self.device)
        self.wait_seconds = 0.0

    def batch_at(self, step: int) -> Rgb8:
        """The photos of this step, uint8 `(batch / world, 3, crop_px, crop_px)` on the device."""
        started = time.perf_counter()
        plan = self._plan_at(step)
        if self._stream is None:
            batch = cut_and_flip(self._pixels, plan[:, 0], plan[:, 1:], self.crop_px)
        else:
            batch = cut_and_flip(self._stream.take(step), None, plan[:, 1:], self.crop_px)
        self.wait_seconds += time.perf_counter() - started
        return batch

    def close(self) -> None:
        """Stops the reading thread and lets the photos go; harmless when called again."""
        if self._stream is not None:
            self._stream.close()
        self._pixels = None

    def __enter__(self) -> "PhotoFeed":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _rows(self, step: int):
        return rows_at(step, n=len(self.photos), batch=self.batch, seed=self.seed)[self._mine]

    def _plan_at(self, step: int) -> torch.Tensor:
        block, within = divmod(step, _PLAN_STEPS)
        if block != self._block:
            first = block * _PLAN_STEPS
            steps = [self._plan_of(first + offset) for offset in range(_PLAN_STEPS)]
            self._plan = torch.stack(steps).to(self.device, non_blocking=True)
            self._block = block
        return self._plan[within]

    def _plan_of(self, step: int) -> torch.Tensor:
        crops = crops_at(step, batch=self.batch, seed=self.seed, slack_px=self._slack_px, flip=self.flip)
        rows = torch.from_numpy(self._rows(step).copy())
        return torch.cat([rows[:, None], torch.from_numpy(crops[self._mine])], dim=1)


def _check(photos: PhotoSet, batch: int, crop_px: int, rank: int, world: int) -> None:
    if len(photos) == 0:
        raise ValueError("a feed needs at least one photo; this set is empty")
    if batch < 1 or batch % world or not 0 <= rank < world:
        raise ValueError(
            f"batch {batch} cannot be shared by {world} processes (rank {rank}): use a multiple of {world}"
        )
    if not 1 <= crop_px <= photos.pixels.shape[-1]:
        raise ValueError(
            f"crops of {crop_px} px do not fit stored photos of {photos.pixels.shape[-1]} px: load them with a larger store_px"
        )


def fits(needed_bytes: int, device: torch.device) -> bool:
    """Whether so many bytes may stay on the device: at most half of what is free there now."""
    return needed_bytes <= RESIDENT_SHARE * free_bytes(device)


def free_bytes(device: torch.device) -> int:
    """Free memory of the device; for the CPU what the system calls available (0 when it does not say)."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        with open("/proc/meminfo") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 0


def _whole(pixels, device: torch.device) -> torch.Tensor:
    """All photos on the device. On the CPU this is the memory-mapped file itself, shared by all processes."""
    expect(pixels)
    return torch.from_numpy(pixels).to(device)
