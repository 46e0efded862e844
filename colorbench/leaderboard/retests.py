"""Boards of the same generators on other photos lie beside one another: `<suite>` and `<suite>-<name>`. Links between them."""

import os
from dataclasses import dataclass
from pathlib import Path

from colorbench.leaderboard.entries import Board, record_files
from colorbench.record import Record, read_record


@dataclass(frozen=True)
class Link:
    """To a neighbouring board: `text` before its `name`, and its folder relative to the board that links."""

    text: str
    name: str
    folder: str


def links(board: Board, out: Path) -> list[Link]:
    """The neighbours of the board that `out` holds (`<suite>/board`): built retests of it, or what it is a retest of."""
    out = Path(out).resolve()
    home = out.parent
    keys = {run.record.key for run in board.runs}
    origins = {run.record.cell.retest_of for run in board.runs} - {None}
    found = []
    for place in sorted(home.parent.glob(f"{home.name}-*")):
        if (record := _one_record(place)) and record.cell.retest_of in keys:
            found.append(_link("Also tested on", place.name.removeprefix(f"{home.name}-"), place, out))
    for place in sorted(home.parent.iterdir()) if origins else ():
        if home.name.startswith(f"{place.name}-") and any(read.key in origins for read in _records(place)):
            found.append(_link("Trained and first tested on", place.name, place, out))
    return found


def _link(text: str, name: str, place: Path, out: Path) -> Link:
    return Link(text, name, Path(os.path.relpath(place / "board", out)).as_posix())


def _one_record(place: Path) -> Record | None:
    return next(_records(place), None)


def _records(place: Path):
    """Readable records of a built board."""
    if not (place / "board" / "index.html").is_file():
        return
    for path in record_files(place):
        try:
            yield read_record(path)
        except (ValueError, OSError):
            continue
