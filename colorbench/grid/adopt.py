"""Cells that another suite of the same output folder has done already: the same key, so the same result. They are copied.

A key leaves out the suite's name for this reason: U-Net with l1 is trained once for the board of generators and the board
of losses, when both hold the same things fixed.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from colorbench.cell import Cell, Suite
from colorbench.grid.state import is_held, state_of
from colorbench.record import FILE_NAME, write_record


def adopt_cells(suite: Suite, cells: list[Cell], out: Path) -> list[Cell]:
    """Copy what sibling suites have of these cells, their records last; returns the cells that are done now.

    A cell that a process works on now is left to it.
    """
    siblings = list(_siblings(suite, out))
    return [cell for cell in cells if any(_adopt(cell, sibling, out) for sibling in siblings)]


def _siblings(suite: Suite, out: Path) -> Iterator[str]:
    """Names of the other suites in `out` that hold the same things fixed."""
    for path in sorted(out.glob("*/suite.json")):
        try:
            other = Suite.model_validate_json(path.read_text())
        except (OSError, ValidationError):
            continue
        if path.parent.name == other.name != suite.name and other.protocol == suite.protocol:
            yield other.name


def _adopt(cell: Cell, sibling: str, out: Path) -> bool:
    twin = cell.model_copy(update={"suite": sibling})
    state = state_of(twin, out)
    target = out / cell.folder
    if state.name != "done" or state.record.status != "done" or is_held(target):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".adopt-") as scratch:
        copy = Path(scratch) / target.name
        shutil.copytree(out / twin.folder, copy, ignore=shutil.ignore_patterns(".*", "job.json", "progress.json"))
        write_record(state.record.model_copy(update={"cell": cell}), copy / FILE_NAME)
        shutil.rmtree(target, ignore_errors=True)  # a training state of the same cell, not finished
        copy.rename(target)
    return True
