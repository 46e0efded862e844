"""Inception features of true photos, kept in the cache folder: every cell of a board is scored against the same photos."""

import io
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from colorbench.features.load import INCEPTION_FILE
from colorbench.features.weights import find_weights
from colorbench.files import bytes_sha256, cache_folder, file_sha256, sources_sha256, write_atomically
from colorbench.machine import instruction_set
from colorbench.tensors import Rgb8

MOST_FILES = 16
"""Test sets whose features stay, the last used ones: 8 MB each of a thousand photos."""
_HASH_CHARACTERS = 64
"""A file begins with the sha256 of what follows, a NumPy array."""


class KeptFeatures:
    """The features of one set of photos: read from their file, else computed as they are asked for, and written once complete.

    The file is named by all that the values depend on: photos, weights, the network's code, torch, device and batch. A damaged
    one is made anew, and a cache folder that cannot be written is no obstacle.
    """

    def __init__(self, photos: Rgb8, device: torch.device, batch: int):
        where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type} {instruction_set()}"
        made_by = file_sha256(find_weights(INCEPTION_FILE)), sources_sha256("features"), torch.__version__, where, batch
        named = bytes_sha256(photos.contiguous().numpy().data), tuple(photos.shape), *made_by
        digest = bytes_sha256(repr(named).encode())
        self.path = cache_folder() / "features" / f"inception-{digest[:32]}.bin"
        self.count = len(photos)
        self._complete = _read(self.path)
        self._rows: dict[int, Tensor] = {}

    def of(self, indices: Sequence[int], compute: Callable[[], Tensor]) -> Tensor:
        """The features `(b, d)` of the photos with these indices, on the CPU where they come from the file."""
        if self._complete is not None:
            return self._complete[list(indices)]
        features = compute()
        self._rows.update(zip(indices, features.detach().cpu()))
        if len(self._rows) == self.count:
            self._complete = torch.stack([self._rows[index] for index in range(self.count)])
            self._rows.clear()
            _write(self.path, self._complete)
        return features


def _read(path: Path) -> Tensor | None:
    """The features in this file; None where it is absent or damaged."""
    try:
        content = path.read_bytes()
        os.utime(path)  # it is in use
    except OSError:
        return None
    digest, array = content[:_HASH_CHARACTERS], content[_HASH_CHARACTERS:]
    return torch.from_numpy(np.load(io.BytesIO(array))) if bytes_sha256(array).encode() == digest else None


def _write(path: Path, features: Tensor) -> None:
    buffer = io.BytesIO()
    np.save(buffer, features.numpy())
    array = buffer.getvalue()
    with suppress(OSError):
        write_atomically(path, bytes_sha256(array).encode() + array, durable=False)
        for old in sorted(path.parent.glob("inception-*.bin"), key=_last_used)[:-MOST_FILES]:
            old.unlink(missing_ok=True)


def _last_used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process has deleted it
        return 0.0
