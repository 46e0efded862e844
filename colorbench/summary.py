"""A finished board on a terminal: a table of five columns and one sentence of verdict, from its `table.parquet`."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from colorbench.console import note, show, show_table

if TYPE_CHECKING:
    import pandas

MOST_ROWS = 20
"""Entries shown; a longer board says how many more it has."""


def show_summary(board: Path) -> None:
    """Print the entries of a board's folder, best first, then the verdict and where the page is."""
    frame = read_summary(board)
    if frame is None:
        return
    entries = frame[frame["kind"] != "baseline"]
    shown = entries.head(MOST_ROWS)
    primary, others = frame.attrs["primary"], _other_metrics(frame)
    rows = [_cells(row, primary, others) for row in shown.to_dict("records")]
    # landmarks stand apart, whatever they score
    for row in frame[frame["kind"] == "baseline"].to_dict("records"):
        name, *cells = _cells(row, primary, others)
        rows.append([Text(name, "dim"), *cells])
    more = f"{len(entries) - len(shown)} more entries are on the board." if len(entries) > len(shown) else ""
    show_table(["entry", _head(primary), "rank", *map(_head, others)], rows, caption=more)
    show(verdict(frame))
    page = board / "index.html"
    note(f"Board: {page if page.exists() else board / 'table.md'}")


def read_summary(board: Path) -> "pandas.DataFrame | None":
    """The board's table, best entry first, `attrs["primary"]` its one primary metric; None when there is no table."""
    import pandas as pd

    path = board / "table.parquet"
    return pd.read_parquet(path) if path.is_file() else None


def verdict(frame: "pandas.DataFrame") -> str:
    """One sentence: who is first, who could not be told apart from it, and who is no better than gray."""
    primary = frame.attrs["primary"]
    entries = frame[(frame["kind"] == "trained") & frame[primary].notna()]
    if entries.empty:
        return "No trained entry has a score yet."
    if not entries["rank"].astype(bool).any():
        return "This suite ranks nothing: it shows that everything runs."
    first, rest = entries.iloc[0], entries.iloc[1:]
    said = f"{first['label']} is first by {primary} with {_with_interval(first, primary)}"
    if len(rest):
        tied = sum(_tied(first, row) for _, row in rest.iterrows())
        who = f"the other {len(rest)}" if len(rest) > 1 else "the other"
        said += f"; {tied} of {who} could not be told apart from it" if tied else f"; {who} could be told apart from it"
    gray = frame[(frame["label"] == "gray") & frame[primary].notna()]
    higher = _direction(primary)
    if len(gray) and higher is not None:
        level = float(gray[primary].iloc[0])
        beat = int((entries[primary] > level).sum() if higher else (entries[primary] < level).sum())
        count = "all" if beat == len(entries) else "none" if beat == 0 else f"{beat} of {len(entries)}"
        said += f"; {count} scored better than gray"
    return said + "."


def _tied(first, other) -> bool:
    """Letters in common; on a board too long for letters, a rank range that starts at 1."""
    if first["ties"]:
        return bool(set(first["ties"]) & set(other["ties"]))
    return str(other["rank"]).partition("-")[0] == "1"


def _other_metrics(frame: "pandas.DataFrame") -> list[str]:
    """Two more metrics: the first other one with a direction, and colorfulness, which shows who is merely gray."""
    metrics = [name.removesuffix("_low") for name in frame.columns if name.endswith("_low")]
    others = [name for name in metrics if name != frame.attrs["primary"] and frame[name].notna().any()]
    directed = [name for name in others if _direction(name) is not None]
    wanted = [*directed[:1], *(name for name in others if name == "colorfulness"), *directed[1:], *others]
    return list(dict.fromkeys(wanted))[:2]


def _cells(row: dict, primary: str, others: list[str]) -> list[str]:
    place = {"baseline": "baseline", "submission": "outside"}.get(row["kind"]) or f"{row['rank']} {row['ties']}".strip()
    failed = f" ({row['failed']} of {row['seeds']} failed)" if row["failed"] else ""
    return [row["label"] + failed, _with_interval(row, primary), place, *(_number(row, name) for name in others)]


def _with_interval(row, metric: str) -> str:
    half = (row[f"{metric}_high"] - row[f"{metric}_low"]) / 2
    return f"{_number(row, metric)} ± {half:.{_digits(half)}f}" if half > 0 else _number(row, metric)


def _number(row, metric: str) -> str:
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
