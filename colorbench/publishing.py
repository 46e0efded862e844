"""`colorbench leaderboard check` for people, with the two rungs that need a trainer."""

import tempfile
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from colorbench.cell import Cell
from colorbench.record import Record

console = Console(highlight=False)


def check_and_print(
    folder: Path, *, rescore: bool, infer: bool, rerun: bool, source: str | None, only: list[str] | None
) -> int:
    """Print one line a record; 1 when a check failed."""
    from colorbench.leaderboard import check

    def again(cell: Cell) -> Record:
        return run_again(cell, source, folder)

    findings = check(
        folder, rescore=rescore, infer=infer_again if infer else None, rerun=again if rerun else None, only=only
    )
    table = Table("record", "badges", "remark", title=f"{folder.name}: {len(findings)} records")
    for finding in findings:
        remark = f"[red]{escape(finding.remark)}[/]" if finding.problems else escape(finding.remark)
        table.add_row(finding.place, " ".join(finding.badges) or "-", remark or "-")
    console.print(table)
    wrong = sum(not finding.ok for finding in findings)
    console.print(f"{len(findings) - wrong} of {len(findings)} records are clean.")
    return 1 if wrong or not findings else 0


def infer_again(checkpoint: Path, photos: list) -> list:
    """Pictures of a checkpoint, anew."""
    from colorbench.training import load_colorizer

    colorizer = load_colorizer(checkpoint)
    return [colorizer(photo) for photo in photos]


def run_again(cell: Cell, source: str | None, folder: Path) -> Record:
    """A cell trained anew in a temporary folder, with the metrics of the board."""
    from colorbench.grid.run import SUITE_NAME
    from colorbench.suites.load import read_written_suite
    from colorbench.training import train

    suite = read_written_suite(folder / SUITE_NAME)
    with tempfile.TemporaryDirectory(prefix="colorbench-rerun-") as place:
        return train(cell, place, source=source, metrics=suite.metrics)
