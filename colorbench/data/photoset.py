"""PhotoSet: photos of one side of the split, as uint8 pixels with names and flags; and what the flags mean.

Flags mark photos that say little about color: exactly gray, of nearly one color, dull. The `color-only` scores leave
them out: of 1000 ImageNet photos 2.3 % are exactly gray and 9.6 % have a colorfulness below 15. Thresholds:
range(a) + range(b) < 5 (CIE Lab), colorfulness M3 < 15 (Hasler and Suesstrunk, "Measuring colourfulness in natural
images", 2003, on 0..255).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import UInt8

from colorbench.color import rgb_to_lab

if TYPE_CHECKING:
    from colorbench.data.mixtures import Truth

EXACT_GRAY, NARROW, DULL = 1, 2, 4  # bits of a flag
NARROW_BELOW = 5.0
DULL_BELOW = 15.0
_STRIDE = 4  # every 4th pixel each way settles most photos: their range is wide already


@dataclass(frozen=True, eq=False)
class PhotoSet:
    """Photos (or tiles of photos) of equal size.

    Attributes:
        pixels: uint8 `(n, 3, s, s)`, memory-mapped copy-on-write: writing to it never reaches the file.
        ids: one per row, from the content: 16 hex digits of the file's sha256, followed by "-t<number>" for a tile.
        names: where each row came from, for people; never part of a hash or a record.
        flags: uint8 per row, bits EXACT_GRAY, NARROW, DULL.
        truth: of generated scenes, what they were made of: for baselines and analyses, never for a generator.
    """

    pixels: np.ndarray
    ids: list[str]
    names: list[str]
    flags: np.ndarray
    truth: "Truth | None" = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def gray(self) -> np.ndarray:
        """Photos whose every pixel has R = G = B."""
        return (self.flags & EXACT_GRAY) > 0

    @property
    def color_only(self) -> np.ndarray:
        """Photos that are part of the `color-only` scores: not gray, not of nearly one color, not dull."""
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


def color_flags(pixels: UInt8[np.ndarray, "3 h w"]) -> int:
    """0 for a photo with color, else the bits EXACT_GRAY, NARROW, DULL."""
    red, green, blue = pixels
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return EXACT_GRAY | NARROW | DULL
    narrow = _ab_range(pixels[:, ::_STRIDE, ::_STRIDE]) < NARROW_BELOW and _ab_range(pixels) < NARROW_BELOW
    return NARROW * narrow | DULL * (_colorfulness(pixels) < DULL_BELOW)


def _ab_range(pixels: np.ndarray) -> float:
    ab = rgb_to_lab(torch.from_numpy(pixels.copy())[None])[0, 1:].flatten(1)
    return float((ab.amax(1) - ab.amin(1)).sum())


def _colorfulness(pixels: np.ndarray) -> float:
    red, green, blue = pixels.astype(np.float32)
    rg, yb = red - green, (red + green) / 2 - blue
    return float(np.sqrt(rg.var() + yb.var()) + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2))
