"""What is on disk for a cell: done, resumable, running, or nothing. All state is in files, so every engine may die."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from colorbench.cell import Cell
from colorbench.record import FILE_NAME, Record, read_record

LOCK_NAME = ".lock"
_STATE_NAME = "training_state"


class Busy(RuntimeError):
    """Another process runs this cell."""


@dataclass(frozen=True)
class CellState:
    """`done` (a record of this very cell), `resumable` (a training state), `foreign` (another cell's record) or `new`."""

    name: str
    record: Record | None = None
    problem: str | None = None


def state_of(cell: Cell, out: Path) -> CellState:
    """The state of a cell under the output folder. A record that does not parse counts as absent, with the reason."""
    return state_in(out / cell.folder, cell)


def state_in(folder: Path, cell: Cell) -> CellState:
    """The state of a cell that runs in this folder."""
    path = folder / FILE_NAME
    if path.exists():
        try:
            record = read_record(path)
        except ValueError as error:
            return CellState("new", problem=f"unreadable record, run again: {error}")
        if record.key != cell.key:
            return CellState("foreign", record)
        return CellState("new" if record.status == "skipped" else "done", record)
    return CellState("resumable" if (folder / _STATE_NAME).exists() else "new")


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """The exclusive right to run in this folder. The system gives it back when the process dies, however it dies.

    Raises:
        Busy: another process has it.
        OSError: the file system has no locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        for pause in (0.02, 0.05, 0.1, 0.2, None):  # a look of `colorbench status` holds it for a moment
            if _lock(handle, fcntl.LOCK_EX, folder):
                break
            if pause is None:
                raise Busy(f"{folder.parent.name}/{folder.name} is being run by another process")
            time.sleep(pause)
        yield
    finally:
        os.close(handle)


def is_held(folder: Path) -> bool:
    """Does a process run in this folder now?"""
    try:
        handle = os.open(folder / LOCK_NAME, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _lock(handle, fcntl.LOCK_SH, folder)
    finally:
        os.close(handle)


def _lock(handle: int, kind: int, folder: Path) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK):
            raise
        raise OSError(
            error.errno,
            "this file system cannot lock files (mount it with flock, or choose another --out)",
            str(folder),
        ) from None
    return True
