"""index.html: the sortable table, the interactive front, the plots, all in one file."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from colorbench import __version__
from colorbench.files import write_atomically
from colorbench.leaderboard.entries import Board, Entry, Run, short_names
from colorbench.leaderboard.factors import factors, sentence
from colorbench.leaderboard.pareto import COSTS, REFERENCE_ROW, cost, summary
from colorbench.leaderboard.site.page import asset, data_uri, json_text, render
from colorbench.leaderboard.table import Link, cell, footnotes, heading, place, significant
from colorbench.leaderboard.tiers import Ranking, Results

_MOST_FILTER_VALUES = 200
_WIDE = ("strips", "metrics", "fronts")


def write_index(
    results: Results,
    out: Path,
    plots: dict[str, Path],
    pages: dict[str, str],
    badges: dict[str, list[str]],
    beside: Sequence[Link] = (),
) -> Path:
    """The page at `out/index.html`. `pages`: run sha256 -> address of its page; `badges`: run sha256 -> names."""
    board = results.board
    page = render(
        "index.html", scripts=[asset("datatables.min.js"), asset("board.js")], styles=[asset("style.css")],
        beside=beside, board=board, lead=_lead(board), footnotes=footnotes(results),
        plots=[_plot(*item) for item in plots.items()],
        filters=_filters(board), protocol=_protocol(board), summary=_summary(board), version=__version__,
        count=len(board.runs) + len(board.skipped), chart=_has_chart(board),
        downloads=[f"table.{kind}" for kind in ("csv", "parquet", "md", "tex")], data=json_text(_data(results, pages, badges)),
    )  # fmt: skip
    path = out / "index.html"
    write_atomically(path, page.encode(), durable=False)
    return path


def _lead(board: Board) -> str:
    record = board.runs[0].record if board.runs else board.skipped[0].record
    trained, photos = len(board.ranked), record.data.n_test
    seeds = max((len(entry.runs) for entry in board.ranked), default=0)
    parts = [f"{trained} entries", f"up to {seeds} seeds" if seeds > 1 else "one seed", f"{photos} test photos"]
    return f"{', '.join(parts)}; budget {record.cell.protocol.budget}; primary metric {heading(board, board.primary)}."


def _has_chart(board: Board) -> bool:
    return any(_finite(cost(entry, key)) is not None for entry in board.entries for key in COSTS)


def _plot(caption: str, path: Path) -> dict:
    raster = path.with_suffix(".png") if path.stem == "strips" or path.stat().st_size > 600_000 else path
    return {
        "name": path.stem, "caption": caption, "uri": data_uri(raster), "alt": f"Plot: {caption}",
        "wide": path.stem in _WIDE,
    }  # fmt: skip


def _filters(board: Board) -> list[dict]:
    found = []
    for column in ("kind", "generator", "loss", "head"):
        values = sorted({_fact(entry, column) for entry in board.entries})
        if 1 < len(values) <= _MOST_FILTER_VALUES:
            found.append({"title": column, "column": column, "values": values})
    return found


def _fact(entry: Entry, column: str) -> str:
    return entry.kind if column == "kind" else getattr(entry.recipe, column)


def _protocol(board: Board) -> list[tuple[str, str]]:
    record = board.runs[0].record if board.runs else board.skipped[0].record
    facts = record.cell.protocol.model_dump(mode="json") | {"budget": str(record.cell.protocol.budget)}
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
        lines.append(sentence(view))
    return lines


def _data(results: Results, pages: dict[str, str], badges: dict[str, list[str]]) -> dict:
    board = results.board
    used, iqm = summary(board)
    names = short_names(board.entries, 30)
    costs = [key for key in COSTS if any(_finite(cost(entry, key)) is not None for entry in board.entries)]
    return {
        "columns": _columns(board, costs, bool(used)),
        "rows": [_row(results, k, costs, iqm[k, 0] if used else None, pages, badges) for k in results.order()],
        "runColumns": _run_columns(board),
        "runs": [_run_row(board, entry, run, pages, badges) for entry in board.entries for run in entry.runs],
        "qualities": [
            {"key": m, "title": heading(board, m), "higher": bool(board.higher_is_better(m))}
            for m in _primary_first(board)
            if board.higher_is_better(m) is not None
        ],
        "costs": [{"key": key, "title": f"{COSTS[key][0]} ({COSTS[key][1]})"} for key in costs],
        "points": [
            _point(results, k, costs, pages, names) for k in results.order() if board.entries[k].kind != "baseline"
        ],
    }


def _primary_first(board: Board) -> list[str]:
    """The metric that ranks stands where a narrow screen still shows it."""
    return sorted(board.metrics, key=lambda metric: metric != board.primary)


def _columns(board: Board, costs: list[str], normalised: bool) -> list[dict]:
    columns: list[dict] = [
        {"name": "rank", "title": "rank", "number": True, "shown": board.rankable},
        {"name": "label", "title": "entry"},
    ]
    columns += [{"name": name, "title": name, "shown": False} for name in ("kind", "generator", "loss", "head")]
    columns += [{"name": "seeds", "title": "seeds", "number": True}]
    for metric in _primary_first(board):
        down = bool(board.higher_is_better(metric))
        columns.append(
            {
                "name": metric,
                "title": heading(board, metric),
                "number": True,
                "down": down,
                "primary": metric == board.primary,
            }
        )
    for metric in _primary_first(board):
        down = bool(board.higher_is_better(metric))
        columns.append(
            {
                "name": metric + "_color_only",
                "title": f"{metric} color-only",
                "number": True,
                "down": down,
                "shown": metric == board.primary,
            }
        )
    if normalised:
        columns.append({"name": "iqm", "title": "gray-normalized ↑", "number": True, "down": True})
    columns += [{"name": key, "title": f"{COSTS[key][0]} ({COSTS[key][1]})", "number": True} for key in costs]
    return [*columns, {"name": "licence", "title": "licence", "shown": False}]


def _row(results: Results, k: int, costs: list[str], iqm: float | None, pages: dict, badges: dict) -> dict:
    board, entry = results.board, results.board.entries[k]
    tier = results.primary.tier[k]
    cells = [{"t": place(entry, results.primary, k), "v": None if tier is None else sum(tier) / 2}, entry.label]
    cells += [_fact(entry, column) for column in ("kind", "generator", "loss", "head")] + [len(entry.runs)]
    cells += [_value(results.full[metric], k) for metric in _primary_first(board)]
    cells += [_value(results.color_only[metric], k) for metric in _primary_first(board)]
    if iqm is not None:
        cells.append({"t": significant(iqm, 0.02) if math.isfinite(iqm) else "", "v": _finite(iqm)})
    cells += [_number(cost(entry, key)) for key in costs] + [entry.runs[0].record.generator.licence]
    return {"c": cells, "k": entry.kind, "p": pages.get(entry.runs[0].sha256), "b": entry_badges(entry, badges)}


def _value(result: Ranking, k: int) -> dict:
    value = _finite(result.mean[k])
    return {"t": cell(result, k) if value is not None else "", "v": value}


def _number(value: float) -> dict:
    return {"t": f"{value:.3g}" if math.isfinite(value) else "", "v": _finite(value)}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def entry_badges(entry: Entry, badges: dict[str, list[str]]) -> list[tuple[str, str]]:
    """`(kind, text)` marks beside a label: how it failed, what it is, how far it was checked (by all its runs)."""
    marks = []
    if entry.failures:
        marks.append(
            ("warn", f"{len(entry.failures)} of {len(entry.runs)} {', '.join(sorted(set(entry.failures)))}: gray")
        )
    if entry.kind == "submission":
        marks.append(("warn", "outside the budget"))
    if any(run.record.spent.provisional for run in entry.runs):
        marks.append(("warn", "provisional-budget"))
    held = [set(badges.get(run.sha256, [])) for run in entry.runs]
    ladder = ("re-run", "re-inferred", "re-scored", "plausible", "valid")
    best = next((name for name in ladder if held and all(name in one for one in held)), None)
    return marks + ([("good", best)] if best else [])


def _run_columns(board: Board) -> list[dict]:
    columns: list[dict] = [{"name": "run", "title": "run"}, {"name": "status", "title": "status"}]
    for metric in board.metrics:
        columns.append(
            {
                "name": metric,
                "title": heading(board, metric),
                "number": True,
                "down": bool(board.higher_is_better(metric)),
            }
        )
    return [*columns, {"name": "seconds", "title": "training time (s)", "number": True}]


def _run_row(board: Board, entry: Entry, run: Run, pages: dict, badges: dict) -> dict:
    record = run.record
    values = [record.scores[m].value if m in record.scores else None for m in board.metrics]
    cells = [f"{entry.label} seed {record.cell.seed}", record.status]
    cells += [{"t": "" if v is None else significant(v, float("nan")), "v": v} for v in values]
    cells.append(_number(record.cost.train_seconds if entry.kind == "trained" else float("nan")))
    marks = [("good", name) for name in badges.get(run.sha256, [])]
    return {"c": cells, "k": entry.kind, "p": pages.get(run.sha256), "b": marks}


def _point(results: Results, k: int, costs: list[str], pages: dict, names: dict[str, str]) -> dict:
    entry = results.board.entries[k]
    return {
        "label": entry.label,
        "name": names[entry.label],
        "page": pages.get(entry.runs[0].sha256),
        "costs": {key: _finite(cost(entry, key)) for key in costs},
        "means": {m: _finite(r.mean[k]) for m, r in results.full.items()},
        "halves": {m: _finite(r.half[k]) for m, r in results.full.items()},
    }
