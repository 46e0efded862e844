"""PhotoSet: photos of one side of the split, as uint8 pixels with their names and flags."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

EXACT_GRAY, NARROW, DULL = 1, 2, 4  # bits of a flag; see flags.py


@dataclass(frozen=True, eq=False)
class PhotoSet:
    """Photos (or tiles of photos) of equal size.

    Attributes:
        pixels: uint8 `(n, 3, s, s)`, memory-mapped copy-on-write: writing to it never reaches the file.
        ids: one a row, made of the content: 16 hex digits of the file's sha256, for a tile "-t<number>" behind.
        names: where each row came from, for people; never part of a hash or a record.
        flags: uint8 per row, bits EXACT_GRAY, NARROW, DULL.
    """

    pixels: np.ndarray
    ids: list[str]
    names: list[str]
    flags: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def gray(self) -> np.ndarray:
        """Photos whose every pixel has R = G = B."""
        return (self.flags & EXACT_GRAY) > 0

    @property
    def color_only(self) -> np.ndarray:
        """Photos that count in the `color-only` scores: not gray, not of nearly one color, not dull."""
        return self.flags == 0

    @classmethod
    def from_pixels(cls, pixels: np.ndarray) -> "PhotoSet":
        """Any uint8 array `(n, 3, s, s)` as a set, numbered; for synthetic pixels and tests."""
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1] != 3 or pixels.shape[2] != pixels.shape[3]:
            raise ValueError(f"expected uint8 pixels (n, 3, s, s), got {pixels.dtype} {pixels.shape}")
        ids = [f"{row:016x}" for row in range(len(pixels))]
        return cls(pixels, ids, list(ids), np.zeros(len(pixels), dtype=np.uint8))


def map_pixels(path: Path, count: int, size_px: int) -> np.ndarray:
    """The file of one side as an array `(count, 3, size_px, size_px)`; nothing is read yet."""
    shape = (count, 3, size_px, size_px)
    return np.memmap(path, dtype=np.uint8, mode="c", shape=shape) if count else np.empty(shape, np.uint8)
