"""A finished board on a terminal: a table of five columns and a verdict, from its `table.parquet`."""

import math
from dataclasses import dataclass
from pathlib import Path

from colorbench.console import note, show_sentences, show_table

MOST_ROWS = 20
"""Entries shown; a longer board says how many more it has."""


@dataclass(frozen=True)
class Summary:
    """The rows of a board's table, best first, its one primary metric, and its verdict."""

    primary: str
    rows: list[dict]
    verdict: list[str]

    @property
    def metrics(self) -> list[str]:
        """The metrics that have a value in at least one row."""
        names = [name.removesuffix("_low") for name in (self.rows[0] if self.rows else ()) if name.endswith("_low")]
        return [name for name in names if any(not math.isnan(row[name]) for row in self.rows)]


def read_summary(board: Path) -> Summary | None:
    """The table in a board's folder; None when there is none."""
    from colorbench.leaderboard.untrusted import read_table

    path = board / "table.parquet"
    if not path.is_file():
        return None
    frame = read_table(path)
    rows = [dict(zip(frame.columns, values)) for values in frame.itertuples(index=False, name=None)]
    return Summary(frame.attrs["primary"], rows, frame.attrs.get("verdict", []))


def show_summary(board: Path) -> None:
    """Print the entries of a board's folder, best first, then its verdict and where the page is."""
    summary = read_summary(board)
    if summary is None:
        return
    entries = [row for row in summary.rows if row["kind"] != "baseline"]
    landmarks = [row for row in summary.rows if row["kind"] == "baseline"]
    others = _other_metrics(summary)
    cells = [_cells(row, summary.primary, others) for row in entries[:MOST_ROWS] + landmarks]
    more = f"{len(entries) - MOST_ROWS} more entries are on the board." if len(entries) > MOST_ROWS else ""
    show_table(["entry", _head(summary.primary), "rank", *map(_head, others)], cells, caption=more)
    show_sentences(what_losses_do(board) or " ".join(summary.verdict))
    page = board / "index.html"
    note(f"Board: {page if page.exists() else board / 'table.md'}")


def what_losses_do(board: Path) -> str:
    """A line about averaging and deciding, on a board of generated scenes; "" on every other board."""
    path = board / "ambiguity.md"
    return path.read_text(encoding="utf-8").partition("\n")[0] if path.is_file() else ""


def _other_metrics(summary: Summary) -> list[str]:
    """Two more metrics: the first other one with a direction, and colorfulness, which shows entries that are merely gray."""
    others = [name for name in summary.metrics if name != summary.primary]
    directed = [name for name in others if _direction(name) is not None]
    wanted = [*directed[:1], *(name for name in others if name == "colorfulness"), *directed[1:], *others]
    return list(dict.fromkeys(wanted))[:2]


def _cells(row: dict, primary: str, others: list[str]) -> list[str]:
    place = {"baseline": "baseline", "submission": "outside"}.get(row["kind"]) or f"{row['rank']} {row['ties']}".strip()
    failed = f" ({row['failed']} of {row['seeds']} failed)" if row["failed"] else ""
    return [row["label"] + failed, _with_interval(row, primary), place, *(_number(row, name) for name in others)]


def _with_interval(row: dict, metric: str) -> str:
    half = (row[f"{metric}_high"] - row[f"{metric}_low"]) / 2
    return f"{_number(row, metric)} ± {half:.{_digits(half)}f}" if half > 0 else _number(row, metric)


def _number(row: dict, metric: str) -> str:
    value, half = row[metric], (row[f"{metric}_high"] - row[f"{metric}_low"]) / 2
    if not math.isfinite(value):
        return "∞" if value == math.inf else "-"
    return f"{value:.{_digits(half) if half > 0 else 2}f}"


def _digits(half: float) -> int:
    """Decimals that show two significant digits of a half width."""
    return min(max(1 - math.floor(math.log10(half)), 0), 6)


def _head(metric: str) -> str:
    arrow = {True: " ↑", False: " ↓", None: ""}[_direction(metric)]
    return metric + arrow


def _direction(metric: str) -> bool | None:
    from colorbench.metrics import METRICS

    return METRICS[metric].higher_is_better if metric in METRICS else None
