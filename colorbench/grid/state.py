"""What is on disk for a cell: done, damaged, resumable, running, or nothing. All state is in files, any engine may die.

To find a finished cell's damage, all its pictures must be read, which takes long. So it is done once; then sizes and times of
the files are noted beside them, and pictures are read again only when those have changed.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from colorbench.cell import Cell
from colorbench.files import (
    CHECKED,
    CHECKPOINT,
    JOB,
    PREDICTIONS,
    PROGRESS,
    RECORD,
    SUITE,
    TRAINING_STATE,
    bytes_sha256,
    file_sha256,
    is_held,
    pictures_sha256,
    read_file,
    write_run_file,
)
from colorbench.leaderboard.untrusted import folder_sha256
from colorbench.record import STATUSES, Record, read_record
from colorbench.suites.load import read_written_suite

_DEPTH = 3  # OUT/<suite>/<recipe>/seed-<n>


@dataclass(frozen=True)
class CellState:
    """`done` (a record of this very cell), `damaged` (its record, and a file that is not what the record says), `resumable`
    (a training state), `foreign` (another cell's record) or `new`.

    A record that cannot be read counts as `new`. `problem` says why a cell with a record is made again.
    """

    name: str
    record: Record | None = None
    problem: str | None = None


def state_of(cell: Cell, out: Path) -> CellState:
    """The state of a cell under the output folder."""
    return state_in(out / cell.folder, cell)


def state_in(folder: Path, cell: Cell) -> CellState:
    """The state of a cell that runs in this folder."""
    path = folder / RECORD
    if path.exists():
        try:
            record = read_record(path)
        except ValueError as error:
            return CellState("new", problem=f"unreadable record, run again: {error}")
        if record.key != cell.key:
            return CellState("foreign", record)
        if record.status == "skipped":
            return CellState("new", record)
        if name := damaged_file(folder, record):
            return CellState("damaged", record, f"{name}: not what its record says; made again")
        return CellState("done", record)
    return CellState("resumable" if (folder / TRAINING_STATE).exists() else "new")


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
        return read_file(note) == _listing(expected).encode()
    except OSError:
        return False


def _note(note: Path, expected: Mapping[Path, str]) -> None:
    try:
        write_run_file(note, _listing(expected).encode(), durable=False)
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


@dataclass(frozen=True)
class CellStatus:
    """A line of `colorbench status`. `state` is a record's status, running, interrupted, waiting or unreadable record."""

    name: str
    state: str
    share: float = 0.0
    step: int | None = None
    loss: float | None = None


def cell_statuses(folder: Path, known: dict[str, CellStatus] | None = None) -> list[CellStatus]:
    """What all cells under `folder` do now, in order of their names: from records, progress files and locks.

    Args:
        folder: an output folder, a suite's folder in it, or a recipe's or a cell's.
        known: what earlier calls have found recorded, which is not read again; added to.
    """
    known = {} if known is None else known
    found = [known.get(_name(cell, folder)) or _status(cell, folder) for cell in _cells(folder)]
    known.update((status.name, status) for status in found if status.state in STATUSES)
    return found


def read_progress(folder: Path) -> dict | None:
    """What the training in a cell's folder last reported (`RunLog.tell`); None without it, or where it is damaged."""
    try:
        told = json.loads(read_file(folder / PROGRESS))
        whole = isinstance(told["share"], int | float) and isinstance(told["phase"], str)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return told if whole else None


def expected_cells(folder: Path) -> int:
    """How many cells the suites in this folder have, as their `suite.json` says; 0 when there is none."""
    suites = [read_written_suite(path) for depth in range(2) for path in folder.glob("*/" * depth + SUITE)]
    return sum(len(suite.recipes) * suite.seeds + len(suite.baselines) for suite in suites)


def _cells(folder: Path) -> list[Path]:
    """Folders with a job or a record (copied cells have no job). Walking through all files would visit every prediction."""
    patterns = ["*/" * depth + name for depth in range(_DEPTH + 1) for name in (JOB, RECORD)]
    return sorted({path.parent for pattern in patterns for path in folder.glob(pattern)})


def _name(folder: Path, root: Path) -> str:
    return str(folder.relative_to(root))


def _status(folder: Path, root: Path) -> CellStatus:
    name = _name(folder, root)
    progress: dict[str, Any] = read_progress(folder) or {}
    facts: dict[str, Any] = {
        "share": progress.get("share", 0.0),
        "step": progress.get("step"),
        "loss": progress.get("loss"),
    }
    if is_held(folder):
        return CellStatus(name, "running", **facts)
    if (folder / RECORD).exists():
        try:
            status = read_record(folder / RECORD).status
        except ValueError:
            return CellStatus(name, "unreadable record", **facts)
        return CellStatus(name, status, share=1.0, step=facts["step"], loss=facts["loss"])
    return CellStatus(name, "interrupted" if progress else "waiting", **facts)
