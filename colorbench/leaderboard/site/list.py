"""The page over all boards of a folder: what each is about, and who is first."""

from pathlib import Path

from colorbench import __version__
from colorbench.files import write_atomically
from colorbench.leaderboard.entries import Board
from colorbench.leaderboard.site.page import asset, budget_words, render
from colorbench.leaderboard.tiers import rank_metric
from colorbench.leaderboard.verdict import first_line


def write_list(boards: list[tuple[str, Board]], out: Path) -> Path:
    """The page at `out/index.html`. `boards`: the folder of each below `out`, and the board."""
    rows = [_row(folder, board) for folder, board in boards]
    page = render("list.html", scripts=[], styles=[asset("style.css")], boards=rows, version=__version__)
    write_atomically(out / "index.html", page.encode(), durable=False)
    return out / "index.html"


def _row(folder: str, board: Board) -> dict:
    return {
        "name": folder, "title": board.title, "verdict": first_line(board, rank_metric(board, board.primary)),
        "entries": len(board.ranked), "seeds": max((len(entry.runs) for entry in board.ranked), default=0),
        "photos": board.record.data.n_test, "budget": budget_words(board.record.cell.protocol.budget),
    }  # fmt: skip
