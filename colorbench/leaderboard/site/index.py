"""index.html: the sortable table, the interactive front, the plots, all in one file."""

import re
from collections.abc import Sequence
from pathlib import Path

from colorbench import __version__
from colorbench.files import write_atomically
from colorbench.leaderboard.ambiguity_report import ambiguity_section
from colorbench.leaderboard.entries import Board, short_names
from colorbench.leaderboard.factors import factors, variation_line
from colorbench.leaderboard.pareto import COSTS, REFERENCE_ROW, cost, summary, truth_colorfulness
from colorbench.leaderboard.published import ABOUT as ABOUT_PUBLISHED
from colorbench.leaderboard.published import NUMBERS, TITLE, published, traps
from colorbench.leaderboard.site.page import asset, budget_words, data_uri, json_text, render
from colorbench.leaderboard.site.pairs import matrix, pair_values, separating
from colorbench.leaderboard.site.rows import (
    FACTS,
    differing_costs,
    fact,
    finite,
    primary_first,
    table_columns,
    table_groups,
    table_runs,
)
from colorbench.leaderboard.table import Link, footnotes, heading
from colorbench.leaderboard.tiers import Results
from colorbench.leaderboard.untrusted import plain_file
from colorbench.leaderboard.verdict import verdict
from colorbench.record import Record
from colorbench.suites.step_table import name_of_table

_MOST_FILTER_VALUES = 200
_MOST_STORY_BYTES = 50_000
_COLORS_MATTER = ("strips", "ab-histograms", "modes")
"""Plots that keep their white paper in the dark theme."""
_WIDE = ("strips", "metrics", "fronts", "modes")


def write_index(
    results: Results,
    out: Path,
    plots: dict[str, Path],
    pages: dict[str, str],
    badges: dict[str, list[str]],
    beside: Sequence[Link] = (),
    home: str | None = None,
    wall: str | None = None,
) -> Path:
    """The page at `out/index.html`.

    Args:
        pages: run sha256 -> address of its page.
        badges: run sha256 -> names.
        home: address of the page over all boards, if there is one.
        wall: address of the page of pictures, if there is one.
    """
    board = results.board
    columns = table_columns(board, differing_costs(board), bool(summary(board)[0]))
    page = render(
        "index.html", scripts=[asset("board.js")], styles=[asset("style.css")], verdict=verdict(results),
        columns=columns, groups=table_groups(results, columns, pages, badges), matrix=matrix(results), story=_story(board),
        run_columns=[heading(board, m) for m in board.metrics] + ["training time (s)"], runs=table_runs(board, pages, badges),
        primary=heading(board, board.primary), beside=beside, home=home, wall=wall, board=board, lead=_lead(board),
        footnotes=footnotes(results), published=_published(board), separations=separating(results),
        plots=[_plot(*item) for item in plots.items()], ambiguity=ambiguity_section(results),
        filters=_filters(board), protocol=_protocol(board), summary=_summary(board), version=__version__,
        count=len(board.runs) + len(board.skipped), chart=_has_chart(board),
        downloads=[f"table.{kind}" for kind in ("csv", "parquet", "md", "tex")], data=json_text(_data(results, pages)),
    )  # fmt: skip
    path = out / "index.html"
    write_atomically(path, page.encode(), durable=False)
    return path


def _published(board: Board) -> dict | None:
    """What papers print for this board's photos, as texts."""
    rows = published(board)
    if not rows:
        return None
    return {
        "title": TITLE,
        "about": ABOUT_PUBLISHED,
        "heads": list(NUMBERS.values()),
        "rows": rows,
        "traps": traps(board.name),
    }


def _lead(board: Board) -> str:
    trained, pictures = len(board.ranked), board.record.data.n_test
    seeds = max((len(entry.runs) for entry in board.ranked), default=0)
    parts = [f"{trained} entries", f"up to {seeds} seeds" if seeds > 1 else "one seed", f"{pictures} test pictures"]
    return f"{', '.join(parts)}; budget {_budget(board.record)}; primary metric {heading(board, board.primary)}."


def _budget(record: Record) -> str:
    protocol = record.cell.protocol
    return f"{budget_words(protocol.budget)}{f' by {name_of_table(protocol.table_sha256)}' if protocol.table_sha256 else ''}"


def _has_chart(board: Board) -> bool:
    return "colorfulness" in board.metrics or bool(differing_costs(board))


def _story(board: Board) -> list[str]:
    """The paragraphs of the board's README.md, without its markup; empty where there is none."""
    path = board.folder / "README.md"
    if not plain_file(path) or path.stat().st_size > _MOST_STORY_BYTES:
        return []
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", path.read_text(encoding="utf-8", errors="replace"))
    blocks = re.split(r"\n\s*\n|\n(?=- )", text)
    plain = [" ".join(re.sub(r"^- |\*\*|`", "", block, flags=re.M).split()) for block in blocks]
    return [block for block in plain if block and not block.startswith("#")]


def _plot(caption: str, path: Path) -> dict:
    raster = path.with_suffix(".png") if path.stem == "strips" or path.stat().st_size > 600_000 else path
    return {
        "name": path.stem, "caption": caption, "uri": data_uri(raster), "alt": f"Plot: {caption}",
        "wide": path.stem in _WIDE, "drawn": path.stem not in _COLORS_MATTER,
    }  # fmt: skip


def _filters(board: Board) -> list[dict]:
    found = []
    for column in FACTS:
        values = sorted({fact(entry, column) for entry in board.entries})
        if 1 < len(values) <= _MOST_FILTER_VALUES:
            found.append({"title": column, "column": column, "values": values})
    return found


def _protocol(board: Board) -> list[tuple[str, str]]:
    record = board.record
    facts = record.cell.protocol.model_dump(mode="json") | {"budget": _budget(record)}
    facts |= {"photos": record.data.id, "photos hash": record.data.hash[:16], "training photos": record.data.n_train}
    return [(name.replace("_", " "), str(value)) for name, value in facts.items() if value not in (None, "")]


def _summary(board: Board) -> list[str]:
    lines = []
    metrics, _ = summary(board)
    if metrics:
        lines.append(
            f"Gray-normalized: 0 is the gray picture, 1 is {REFERENCE_ROW}; interquartile mean over {', '.join(metrics)}."
        )
    if view := factors(board):
        lines.append(variation_line(view))
    return lines


def _data(results: Results, pages: dict[str, str]) -> dict:
    """What the script needs beside the table: points of the charts, and the evidence behind every rank."""
    board = results.board
    names, costs = short_names(board.entries), differing_costs(board)
    shown = results.order()
    directed = [m for m in primary_first(board) if board.higher_is_better(m) is not None]
    choices: list[dict] = [{"key": key, "title": f"{COSTS[key][0]} ({COSTS[key][1]})"} for key in costs]
    if "colorfulness" in board.metrics:
        truth = truth_colorfulness(board)
        choices.insert(0, {"key": "colorfulness", "title": heading(board, "colorfulness"), "truth": truth})
    return {
        "qualities": [
            {"key": m, "title": heading(board, m), "higher": bool(board.higher_is_better(m))} for m in directed
        ],
        "costs": choices,
        "points": [_point(results, k, costs, pages, names) for k in shown],
        "pairs": {m: pairs for m in directed if (pairs := pair_values(results.full[m], shown))},
    }


def _point(results: Results, k: int, costs: list[str], pages: dict, names: dict[str, str]) -> dict:
    entry = results.board.entries[k]
    return {
        "label": entry.label,
        "name": names[entry.label],
        "page": pages.get(entry.runs[0].sha256),
        "kind": entry.kind,
        "costs": {key: finite(cost(entry, key)) for key in costs},
        "means": {m: finite(r.mean[k]) for m, r in results.full.items()},
        "halves": {m: finite(r.half[k]) for m, r in results.full.items()},
    }
