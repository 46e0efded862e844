"""What every cell under a folder is doing: from records, progress files and locks; touches nothing."""

from dataclasses import dataclass
from pathlib import Path

from colorbench.grid.job import JOB_NAME
from colorbench.grid.state import is_held
from colorbench.record import FILE_NAME, STATUSES, read_record
from colorbench.suites.load import read_written_suite
from colorbench.training.run_log import read_progress

_DEPTH = 3  # OUT/<suite>/<recipe>/seed-<n>


@dataclass(frozen=True)
class CellStatus:
    """`state` is a record's status, running, interrupted, or waiting."""

    name: str
    state: str
    share: float = 0.0
    step: int | None = None
    loss: float | None = None


def cell_statuses(folder: Path, known: dict[str, CellStatus] | None = None) -> list[CellStatus]:
    """All cells under `folder`, in order of their names.

    Args:
        folder: an output folder, a suite's folder in it, or a recipe's or a cell's.
        known: what earlier calls have found recorded, which is not read again; added to.
    """
    known = {} if known is None else known
    found = [known.get(_name(cell, folder)) or _status(cell, folder) for cell in _cells(folder)]
    known.update((status.name, status) for status in found if status.state in STATUSES)
    return found


def expected_cells(folder: Path) -> int:
    """How many cells the suites in this folder have, as their `suite.json` says; 0 when there is none."""
    suites = [read_written_suite(path) for depth in range(2) for path in folder.glob("*/" * depth + "suite.json")]
    return sum(len(suite.recipes) * suite.seeds + len(suite.baselines) for suite in suites)


def _cells(folder: Path) -> list[Path]:
    """Folders with a job or a record (copied cells have no job). A walk through all files would meet every prediction."""
    patterns = ["*/" * depth + name for depth in range(_DEPTH + 1) for name in (JOB_NAME, FILE_NAME)]
    return sorted({path.parent for pattern in patterns for path in folder.glob(pattern)})


def _name(folder: Path, root: Path) -> str:
    return str(folder.relative_to(root))


def _status(folder: Path, root: Path) -> CellStatus:
    name, told = _name(folder, root), read_progress(folder) or {}
    facts = {"share": told.get("share", 0.0), "step": told.get("step"), "loss": told.get("loss")}
    if is_held(folder):
        return CellStatus(name, "running", **facts)
    if (folder / FILE_NAME).exists():
        try:
            return CellStatus(name, read_record(folder / FILE_NAME).status, **facts | {"share": 1.0})
        except ValueError:
            return CellStatus(name, "unreadable record", **facts)
    return CellStatus(name, "interrupted" if told else "waiting", **facts)
