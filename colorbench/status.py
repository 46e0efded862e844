"""`colorbench status`: what every cell under a folder is doing, once or until all is done."""

import time
from collections import Counter
from pathlib import Path

from rich.console import Group
from rich.live import Live
from rich.text import Text

from colorbench.console import results, rich_table, show_json, show_table
from colorbench.errors import mistyped
from colorbench.grid.state import CellStatus, cell_statuses, expected_cells

MOST_ROWS = 60
_HEADS = ("cell", "state", "share", "step", "loss")
_LEFT = ("running", "interrupted", "waiting", "unreadable record")


def show_status(folder: Path, watch: bool, as_json: bool = False) -> None:
    """Print all cells under a folder, from their records and progress files."""
    known: dict[str, CellStatus] = {}
    status = read_status(folder, known)
    if as_json:
        show_json(status)
    elif not watch:
        rows = _under_way(status) if results.is_terminal else status["cells"]
        show_table(_HEADS, _status_cells(rows), caption=_counted(status))
    else:
        with Live(_live(status), console=results) as live:
            while status["left"]:
                time.sleep(1.0)
                status = read_status(folder, known)
                live.update(_live(status))


def read_status(folder: Path, known: dict[str, CellStatus] | None = None) -> dict:
    """The cells, how many there are in each state, and how many are left to record.

    Args:
        folder: an output folder, or one in it.
        known: kept between calls, so that records are read once.
    """
    if not folder.exists():
        raise ValueError(f"{folder} does not exist; give the --out folder of a run{mistyped(folder)}")
    rows = cell_statuses(folder, known)
    if not rows:
        raise ValueError(f"no cells under {folder}; give the --out folder of a run")
    counts = Counter(row.state for row in rows)
    total = max(expected_cells(folder), len(rows))
    if total > len(rows):
        counts["waiting"] += total - len(rows)
    return {
        "folder": str(folder),
        "total": total,
        "counts": dict(sorted(counts.items())),
        "left": sum(counts[state] for state in _LEFT),
        "cells": [
            {"cell": row.name, "state": row.state, "share": row.share, "step": row.step, "loss": row.loss}
            for row in rows
        ],
    }


def _status_cells(rows: list[dict]) -> list[list]:
    def known(value, text):
        return "" if value is None else format(value, text)

    return [
        [row["cell"], row["state"], f"{row['share']:.0%}", known(row["step"], "d"), known(row["loss"], ".4g")]
        for row in rows
    ]


def _counted(status: dict) -> str:
    return f"{status['total']} cells: " + ", ".join(f"{count} {state}" for state, count in status["counts"].items())


def _live(status: dict) -> Group:
    return Group(rich_table(_HEADS, _status_cells(_under_way(status))), Text(_counted(status)))


def _under_way(status: dict) -> list[dict]:
    """The rows to show on a screen: of many cells, those that are not recorded yet."""
    rows = status["cells"]
    return rows if status["total"] <= MOST_ROWS else [row for row in rows if row["state"] in _LEFT]
