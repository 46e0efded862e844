"""Which photos say little about color: exactly gray, of nearly one color, dull.

The `color-only` scores leave them out: of 1000 ImageNet photos 2.3 % are exactly gray and 9.6 % have a
colorfulness below 15. Thresholds: range(a) + range(b) < 5 (CIE Lab), colorfulness M3 < 15 (Hasler and
Suesstrunk, "Measuring colourfulness in natural images", 2003, on 0..255).
"""

import numpy as np
import torch
from jaxtyping import UInt8

from colorbench.color import rgb_to_lab
from colorbench.data.photoset import DULL, EXACT_GRAY, NARROW

NARROW_BELOW = 5.0
DULL_BELOW = 15.0
_SKIP = 4  # every 4th pixel each way settles most photos: their range is wide already


def color_flags(pixels: UInt8[np.ndarray, "3 h w"]) -> int:
    """0 for a photo with color, else the bits EXACT_GRAY, NARROW, DULL."""
    red, green, blue = pixels
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return EXACT_GRAY | NARROW | DULL
    narrow = _ab_range(pixels[:, ::_SKIP, ::_SKIP]) < NARROW_BELOW and _ab_range(pixels) < NARROW_BELOW
    return NARROW * narrow | DULL * (_colorfulness(pixels) < DULL_BELOW)


def _ab_range(pixels: np.ndarray) -> float:
    ab = rgb_to_lab(torch.from_numpy(pixels.copy())[None])[0, 1:].flatten(1)
    return float((ab.amax(1) - ab.amin(1)).sum())


def _colorfulness(pixels: np.ndarray) -> float:
    red, green, blue = pixels.astype(np.float32)
    rg, yb = red - green, (red + green) / 2 - blue
    return float(np.sqrt(rg.var() + yb.var()) + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2))
