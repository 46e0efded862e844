"""Check files against what they should be: a finished cell's against its record, the references against the photos.

Reading every picture takes long. So it is done once; then sizes and times of the files are noted beside them, and pictures
are read again only when those have changed.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from colorbench.files import (
    CHECKED,
    CHECKPOINT,
    PREDICTIONS,
    bytes_sha256,
    file_sha256,
    pictures_sha256,
    write_atomically,
)
from colorbench.leaderboard.untrusted import folder_sha256
from colorbench.record import Record


def damaged_file(folder: Path, record: Record) -> str | None:
    """The first file of a finished cell that is not what its record says; None when all are.

    All predictions, or the checkpoint, may have been removed to save space: that is not damage.
    """
    files = _files(folder, record)
    if not files or _is_noted(folder / CHECKED, files):
        return None
    return next((path.name for path, sha256 in files.items() if _sha256(path) != sha256), None)


def note_files(folder: Path, record: Record) -> None:
    """Note that the files are as the record says, after they were written or read."""
    files = _files(folder, record)
    if files and not _is_noted(folder / CHECKED, files):
        _note(folder / CHECKED, files)


def are_references(folder: Path, ids: Sequence[str], pixels: np.ndarray) -> bool:
    """Whether a folder holds exactly these photos, uint8 `(n, 3, h, w)`, as pictures."""
    pictures = (
        (name, np.ascontiguousarray(picture.transpose(1, 2, 0)).tobytes()) for name, picture in zip(ids, pixels)
    )
    expected = {folder: pictures_sha256(pictures)}
    if _is_noted(folder / CHECKED, expected):
        return True
    if _sha256(folder) != expected[folder]:
        return False
    _note(folder / CHECKED, expected)
    return True


def _files(folder: Path, record: Record) -> dict[Path, str]:
    removable = (CHECKPOINT, PREDICTIONS)
    files = {folder / name: sha256 for name, sha256 in record.files.items()}
    return {path: sha256 for path, sha256 in files.items() if path.name not in removable or path.exists()}


def _is_noted(note: Path, expected: Mapping[Path, str]) -> bool:
    try:
        return note.read_bytes() == _listing(expected).encode()
    except OSError:
        return False


def _note(note: Path, expected: Mapping[Path, str]) -> None:
    try:
        write_atomically(note, _listing(expected).encode(), durable=False)
    except OSError:  # a read-only copy: read again next time
        return


def _listing(expected: Mapping[Path, str]) -> str:
    """A hash over what is expected, and over names, sizes and times of change."""
    lines = []
    for path, sha256 in expected.items():
        lines.append(f"{path.name} {sha256}")
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in files:
            if file.name != CHECKED:
                facts = os.stat(file)
                lines.append(f"{file.name} {facts.st_size} {facts.st_mtime_ns}")
    return bytes_sha256("\n".join(lines).encode())


def _sha256(path: Path) -> str | None:
    try:
        return folder_sha256(path) if path.is_dir() else file_sha256(path)
    except (OSError, ValueError):  # absent, or no picture
        return None
