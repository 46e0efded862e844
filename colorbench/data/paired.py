"""`paired`: side-by-side pictures, gray left and color right (256 x 512). Only the color half is used.

The gray half is ignored: the gray input is derived anew from the colors, the same way for every dataset.
"""

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from colorbench.data.folder import find_folder
from colorbench.data.sources import Found
from colorbench.photo import Photo8, PhotoError

HALVES = ("right", "left")
_JPEG_GRAY = 4  # largest channel difference that JPEG leaves in a gray half


def find_paired(source: str | Path | None, *, half: str = "right") -> Found:
    """The tree's pictures; each photo is its `half`, the one in color.

    Raises:
        ValueError: an unknown half, and what `folder` raises.
    """
    if half not in HALVES:
        raise ValueError(f"unknown half {half!r}; known: {', '.join(HALVES)}")
    found = find_folder(source)
    return Found(found.sources, found.place, found.passed_over, partial(color_half, half=half), half=half)


def color_half(picture: Photo8, half: str) -> UInt8[np.ndarray, "h half_w 3"]:
    """The left or right half of the picture.

    Raises:
        PhotoError: the width is odd, or this half is gray while the other has color.
    """
    width = picture.shape[1]
    if width % 2 or width < picture.shape[0]:
        raise PhotoError(f"no side-by-side pair: {width} x {picture.shape[0]}, wanted two halves of equal width")
    left, right = picture[:, : width // 2], picture[:, width // 2 :]
    chosen, other = (left, right) if half == "left" else (right, left)
    if _is_gray(chosen) and not _is_gray(other):
        raise PhotoError(f"the {half} half is gray and the other in color: use half={HALVES[half == 'right']!r}")
    return np.ascontiguousarray(chosen)


def _is_gray(photo: np.ndarray) -> bool:
    spread = photo.max(axis=2) - photo.min(axis=2)
    return float(np.percentile(spread, 99)) <= _JPEG_GRAY
