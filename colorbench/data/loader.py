"""Training batches on the device: uint8 photos, resident when they fit, else streamed; cropped and flipped there.

`loader.batch_at(step)` is a pure function of (photos, seed, step): the same bits whether resident or streamed, in the
first run or after kill -9. Nothing has to be saved, and every generator sees the same photos, crops and flips.

The random numbers are SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014)
of a counter: integer arithmetic, equal on every machine and in every NumPy.
"""

import time
from functools import lru_cache
from weakref import WeakValueDictionary

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from colorbench.data.photoset import PhotoSet
from colorbench.data.stream import RowStream, prefetch
from colorbench.tensors import Rgb8

RESIDENT_SHARE = 0.5  # photos stay on the device when they take at most this share of its free memory
_PLAN_STEPS = 64  # rows and crops of this many steps go to the device in one small copy
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ORDER, _TOP, _LEFT, _FLIP = range(1, 5)  # streams: independent numbers for each purpose


class PhotoLoader:
    """Batches of training photos on the device.

    Args:
        photos: the photos of one side; `batch` of them per step, in epochs without repetition that run on across their ends.
        seed: of order, crops and flips.
        crop_px: side of the random crop; None (or the stored side) takes the whole stored picture.
        flip: mirror every photo with probability 1/2.
        resident: True keeps all photos on the device, False streams them, None decides by free memory.
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
    ):
        stored_px = photos.pixels.shape[-1]
        self.crop_px = stored_px if crop_px is None else crop_px
        _check(photos, batch, self.crop_px)
        self.photos, self.device, self.batch, self.seed, self.flip = photos, torch.device(device), batch, seed, flip
        self.resident = _is_resident(photos.pixels, self.device) if resident is None else resident
        self._slack_px = stored_px - self.crop_px
        self._block, self._plan = -1, torch.empty(0)
        self._pixels = _whole(photos.pixels, self.device) if self.resident else None
        self._stream = None if self.resident else RowStream(photos.pixels, self._rows, self.device)
        self.wait_seconds = 0.0

    def batch_at(self, step: int) -> Rgb8:
        """The photos of this step, uint8 `(batch, 3, crop_px, crop_px)` on the device."""
        started = time.perf_counter()
        plan = self._plan_at(step)
        if self._stream is not None:
            batch = cut_and_flip(self._stream.take(step), None, plan[:, 1:], self.crop_px)
        elif self._pixels is not None:
            batch = cut_and_flip(self._pixels, plan[:, 0], plan[:, 1:], self.crop_px)
        else:
            raise ValueError("this loader is closed: open a new one")
        self.wait_seconds += time.perf_counter() - started
        return batch

    def close(self) -> None:
        """Stop the reading thread and release the photos; calling it again does nothing."""
        if self._stream is not None:
            self._stream.close()
        self._pixels = None

    def __enter__(self) -> "PhotoLoader":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _rows(self, step: int):
        return rows_at(step, n=len(self.photos), batch=self.batch, seed=self.seed)

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
        return torch.cat([rows[:, None], torch.from_numpy(crops)], dim=1)


def _check(photos: PhotoSet, batch: int, crop_px: int) -> None:
    if len(photos) == 0:
        raise ValueError("a loader needs at least one photo; this set is empty")
    if batch < 1:
        raise ValueError(f"batch {batch}: a batch needs at least one photo")
    if not 1 <= crop_px <= photos.pixels.shape[-1]:
        raise ValueError(
            f"crops of {crop_px} px do not fit stored photos of {photos.pixels.shape[-1]} px: load them with a larger store_px"
        )


def fits(needed_bytes: int, device: torch.device) -> bool:
    """Whether so many bytes may stay on the device: at most half of what is free there now."""
    return needed_bytes <= RESIDENT_SHARE * free_bytes(device)


def free_bytes(device: torch.device) -> int:
    """Free memory of the device; for the CPU what the system calls available (0 when it does not tell)."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        with open("/proc/meminfo") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 0


_copies: WeakValueDictionary[tuple[int, torch.device], torch.Tensor] = WeakValueDictionary()


def _is_resident(pixels: np.ndarray, device: torch.device) -> bool:
    """Whether these photos lie on the device already, or may: one copy serves all loaders."""
    return (id(pixels), device) in _copies or fits(pixels.nbytes, device)


def _whole(pixels: np.ndarray, device: torch.device) -> torch.Tensor:
    """All photos on the device. On the CPU this is the memory-mapped file itself, shared by all processes; on a GPU one
    copy, shared by all loaders of this process and gone with the last of them."""
    shared = _copies.get((id(pixels), device))
    if shared is None:
        prefetch(pixels)
        shared = torch.from_numpy(pixels).to(device)
        _copies[id(pixels), device] = shared  # its loaders hold the pixels, so that their id stays theirs
    return shared


def random_bits(seed: int, stream: int, counters: np.ndarray) -> np.ndarray:
    """64 random bits for every counter, uint64; a pure function of the three.

    >>> random_bits(0, 1, np.arange(2))
    array([10705738211186751225,  3032427185751592386], dtype=uint64)
    """
    with np.errstate(over="ignore"):
        key = _mix(np.array([seed % 2**64], dtype=np.uint64)) + np.uint64(stream)
        return _mix(_mix(key) + counters.astype(np.uint64) * _GOLDEN)


def _mix(bits: np.ndarray) -> np.ndarray:
    bits = bits + _GOLDEN
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@lru_cache(maxsize=4)
def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """The permutation of n photos in this epoch, int64, read-only."""
    bits = random_bits(seed, _ORDER, np.arange(n, dtype=np.uint64) + (np.uint64(epoch) << np.uint64(32)))
    order = np.argsort(bits, kind="stable")
    order.flags.writeable = False
    return order


def rows_at(step: int, *, n: int, batch: int, seed: int) -> np.ndarray:
    """The rows of one batch. Batches run on across the end of an epoch: each epoch shows every photo exactly once.

    >>> [rows_at(step, n=3, batch=2, seed=0).tolist() for step in range(3)]
    [[1, 0], [2, 1], [0, 2]]
    """
    positions = np.arange(step * batch, (step + 1) * batch)
    epochs, offsets = np.divmod(positions, n)
    rows = [epoch_order(n, seed, int(epoch))[offsets[epochs == epoch]] for epoch in np.unique(epochs)]
    return np.concatenate(rows)


def crops_at(step: int, *, batch: int, seed: int, slack_px: int, flip: bool) -> np.ndarray:
    """Top, left, flipped (0 or 1) of every photo of the batch: int64 `(batch, 3)`; offsets in 0..slack_px."""
    positions = np.arange(step * batch, (step + 1) * batch, dtype=np.uint64)
    choices = np.uint64(slack_px + 1)
    top = random_bits(seed, _TOP, positions) % choices
    left = random_bits(seed, _LEFT, positions) % choices
    flips = random_bits(seed, _FLIP, positions) % np.uint64(2 if flip else 1)
    return np.stack([top, left, flips], axis=1).astype(np.int64)


def cut_and_flip(
    pixels: UInt8[Tensor, "n 3 s s"],
    rows: Int64[Tensor, "b"] | None,
    crops: Int64[Tensor, "b 3"],
    crop_px: int,
) -> UInt8[Tensor, "b 3 p p"]:
    """Rows of `pixels` (all in order when None), each cut at (top, left) to `crop_px` and mirrored where flipped is 1."""
    if pixels.device.type == "cpu":
        return _by_copies(pixels, rows, crops, crop_px)
    return _by_gather(pixels, rows, crops, crop_px)


def _by_gather(pixels: Tensor, rows: Tensor | None, crops: Tensor, crop_px: int) -> Tensor:
    count, device = len(crops), pixels.device
    along = torch.arange(crop_px, device=device)
    top, left, flipped = crops[:, 0:1], crops[:, 1:2], crops[:, 2:3]
    ys = top + along
    xs = left + torch.where(flipped > 0, crop_px - 1 - along, along)
    rows = torch.arange(count, device=device) if rows is None else rows
    channels = torch.arange(3, device=device)
    return pixels[rows[:, None, None, None], channels[:, None, None], ys[:, None, :, None], xs[:, None, None, :]]


def _by_copies(pixels: Tensor, rows: Tensor | None, crops: Tensor, crop_px: int) -> Tensor:
    batch = torch.empty(len(crops), 3, crop_px, crop_px, dtype=torch.uint8)
    sources = range(len(crops)) if rows is None else rows.tolist()
    for target, row, (top, left, flipped) in zip(batch, sources, crops.tolist()):
        cut = pixels[row, :, top : top + crop_px, left : left + crop_px]
        target.copy_(cut.flip(-1) if flipped else cut)
    return batch
