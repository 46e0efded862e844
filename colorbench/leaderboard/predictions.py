"""The pictures of a run as evidence: one hash over all of them, and their scores computed again."""

import hashlib
from pathlib import Path

import numpy as np

from colorbench.photo import PhotoError, decode_photo
from colorbench.record import Score


def manifest_sha256(folder: Path) -> str:
    """sha256 over lines `name sha256-of-pixels`, sorted: the same pictures, however the PNG was packed.

    Raises:
        PhotoError: a file that gives no picture.
    """
    lines = []
    for path in sorted(folder.glob("*.png")):
        try:
            pixels = np.ascontiguousarray(decode_photo(path))
        except PhotoError as error:
            raise PhotoError(f"{path.name}: {error}") from None
        lines.append(f"{path.stem} {hashlib.sha256(pixels.tobytes()).hexdigest()}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def score_of_column(values: np.ndarray, color_only: np.ndarray, row, reason: str | None = None) -> Score:
    """A record's Score from per-photo values: finite means, infinite ones counted apart."""

    def mean(part: np.ndarray) -> tuple[float | None, int]:
        finite = part[np.isfinite(part)]
        return (float(finite.mean()) if len(finite) else None), len(finite)

    (value, n), (color_value, color_n) = mean(values), mean(values[color_only])
    return Score(
        value=value, n=n, color_only_value=color_value, color_only_n=color_n, infinite=int(np.isinf(values).sum()),
        unit=row.unit, higher_is_better=row.higher_is_better, version=row.version, reason=reason,
    )  # fmt: skip
