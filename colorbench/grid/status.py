"""What every cell under a folder is doing: from records, progress files and locks; touches nothing."""

from dataclasses import dataclass
from pathlib import Path

from colorbench.grid.job import JOB_NAME
from colorbench.grid.state import is_held
from colorbench.record import FILE_NAME, read_record
from colorbench.training.progress import read_progress


@dataclass(frozen=True)
class CellStatus:
    """`state` is a record's status, running, interrupted, or waiting."""

    name: str
    state: str
    share: float = 0.0
    step: int | None = None
    loss: float | None = None


def cell_statuses(folder: Path) -> list[CellStatus]:
    """All cells under `folder`, in order of their names."""
    return [_status(path.parent, folder) for path in sorted(folder.rglob(JOB_NAME))]


def _status(folder: Path, root: Path) -> CellStatus:
    name, told = str(folder.relative_to(root)), read_progress(folder) or {}
    facts = {"share": told.get("share", 0.0), "step": told.get("step"), "loss": told.get("loss")}
    if is_held(folder):
        return CellStatus(name, "running", **facts)
    if (folder / FILE_NAME).exists():
        try:
            return CellStatus(name, read_record(folder / FILE_NAME).status, **facts | {"share": 1.0})
        except ValueError:
            return CellStatus(name, "unreadable record", **facts)
    return CellStatus(name, "interrupted" if told else "waiting", **facts)
