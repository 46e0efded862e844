"""Decoded photos on disk: `train.u8` and `test.u8`, plain uint8 `(n, 3, s, s)`, memory-mapped, and `index.json`.

A store is a folder named by content and preprocessing. It is built under a temporary name beside its place and then renamed,
under a lock, so that two processes build it once and a kill or a full disk leaves nothing half done. A store whose sizes or
checksums are wrong is built again.
"""

import errno
import json
import os
import shutil
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from colorbench.data.photoset import map_pixels
from colorbench.data.split import SIDES
from colorbench.files import write_atomically

_CHECK_ALL_BYTES = 256 * 2**20  # up to here every row's checksum is tested at opening, beyond a sample of rows
_SAMPLE_ROWS = 64
_FORMAT = 1
_CURE = "free some, or set COLORBENCH_CACHE to a folder on another disk"


@dataclass(frozen=True)
class Index:
    """What a store holds.

    Attributes:
        photos: content hash -> how many rows it has, in row order, per side.
        tiles: number of each row within its photo, per side.
        flags: `color_flags` of each row, per side.
        checksums: crc32 of each row, per side.
        size_px: side of a row's picture, per side.
        skipped: content hash -> why the file gave no picture.
        moved: photos on another side than their own hash says: they follow a near-duplicate, or fill an empty side.
    """

    photos: dict[str, dict[str, int]]
    tiles: dict[str, list[int]]
    flags: dict[str, list[int]]
    checksums: dict[str, list[int]]
    size_px: dict[str, int]
    skipped: dict[str, str]
    moved: int = 0

    def rows(self, side: str) -> int:
        """Rows of one side."""
        return len(self.checksums[side])


@dataclass(frozen=True)
class Store:
    """An open, checked store."""

    index: Index
    pixels: dict[str, np.ndarray]


def open_or_build(folder: Path, build: Callable[[Path], Index]) -> Store:
    """The store in `folder`; when absent or damaged, `build(empty_folder)` writes it first, in one process only."""
    store = open_store(folder)
    if store is not None:
        return store
    with disk_errors(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            return open_store(folder) or _build(folder, build)


def open_store(folder: Path) -> Store | None:
    """The store, or None when it is absent or damaged."""
    index = _read_index(folder)
    if index is None:
        return None
    try:
        pixels = {side: _mapped(folder, index, side) for side in SIDES}
    except (OSError, ValueError):
        return None
    return Store(index, pixels) if all(_is_sound(pixels[side], index.checksums[side]) for side in SIDES) else None


def write_index(folder: Path, index: Index) -> None:
    """Complete a store under construction: the index is written last."""
    content = {"format": _FORMAT, "crc32": _crc32_of(asdict(index)), "index": asdict(index)}
    write_atomically(folder / "index.json", json.dumps(content).encode())


def sync(file) -> None:
    """Make sure that everything written so far is on the disk."""
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn a full or unwritable disk into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if _CURE in str(error):
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(
                errno.ENOSPC, f"the disk is full: no room for decoded photos; {_CURE}", str(folder)
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise PermissionError(error.errno, f"cannot write decoded photos; {_CURE}", str(folder)) from error
        raise


def need_room(folder: Path, needed_bytes: int) -> None:
    """Raise before the first byte if the disk cannot hold them."""
    free = shutil.disk_usage(folder).free
    if needed_bytes > free:
        raise OSError(
            errno.ENOSPC,
            f"decoded photos need {needed_bytes / 1e9:.2f} GB, {free / 1e9:.2f} GB are free; {_CURE}",
            str(folder),
        )


def _build(folder: Path, build: Callable[[Path], Index]) -> Store:
    """Under the lock: a temporary folder that is there was left by a process that was killed."""
    for stale in folder.parent.glob(f".{folder.name}.*.tmp"):
        shutil.rmtree(stale, ignore_errors=True)
    temporary = folder.parent / f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp"
    temporary.mkdir()
    try:
        write_index(temporary, build(temporary))
        if folder.exists():
            shutil.rmtree(folder)
        os.rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    store = open_store(folder)
    if store is None:
        raise OSError(f"the photos just written to {folder} read back differently: check this disk")
    return store


def _read_index(folder: Path) -> Index | None:
    """The index alone, no pixels; None when absent or damaged."""
    try:
        content = json.loads((folder / "index.json").read_bytes())
        index = content["index"]
        if content["format"] != _FORMAT or content["crc32"] != _crc32_of(index):
            return None
        return Index(**index)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _mapped(folder: Path, index: Index, side: str) -> np.ndarray:
    path, rows, size = folder / f"{side}.u8", index.rows(side), index.size_px[side]
    if path.stat().st_size != rows * 3 * size * size:
        raise ValueError(f"{path} has the wrong size")
    return map_pixels(path, rows, size)


def _is_sound(pixels: np.ndarray, checksums: list[int]) -> bool:
    rows = np.arange(len(pixels))
    if pixels.nbytes > _CHECK_ALL_BYTES:
        rows = np.linspace(0, len(pixels) - 1, _SAMPLE_ROWS).astype(int)
    return all(zlib.crc32(pixels[row]) == checksums[row] for row in rows)


def _crc32_of(index: dict) -> int:
    return zlib.crc32(json.dumps(index, sort_keys=True).encode())
