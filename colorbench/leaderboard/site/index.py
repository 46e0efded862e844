"""index.html: the sortable table, the interactive front, the plots, all in one file."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from colorbench import __version__
from colorbench.files import write_atomically
from colorbench.leaderboard.ambiguity_report import ambiguity_section
from colorbench.leaderboard.comparison import separations
from colorbench.leaderboard.entries import Board, Entry, short_names
from colorbench.leaderboard.factors import factors, variation_line
from colorbench.leaderboard.pareto import COSTS, REFERENCE_ROW, cost, summary, truth_colorfulness, varies
from colorbench.leaderboard.published import ABOUT as ABOUT_PUBLISHED
from colorbench.leaderboard.published import NUMBERS, TITLE, published, traps
from colorbench.leaderboard.site.page import asset, data_uri, json_text, render
from colorbench.leaderboard.table import Link, cell, footnotes, heading, place, significant
from colorbench.leaderboard.tiers import ALPHA, Ranking, Results
from colorbench.leaderboard.untrusted import plain_file
from colorbench.leaderboard.verdict import ABOUT, verdict
from colorbench.record import Record
from colorbench.suites.step_table import name_of_table

_MOST_FILTER_VALUES = 200
_FACTS = ("kind", "generator", "loss", "head")
_AGAINST = {"against": "difference", "against_p": "Holm p"}
"""Columns that the script fills when an entry is chosen to compare with."""
_MOST_COMPARED = 60
_MOST_MATRIX = 40
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
    columns = _columns(board, _costs(board), bool(summary(board)[0]))
    page = render(
        "index.html", scripts=[asset("board.js")], styles=[asset("style.css")], verdict=verdict(results),
        columns=columns, groups=_groups(results, columns, pages, badges), matrix=matrix(results), story=_story(board),
        run_columns=[heading(board, m) for m in board.metrics] + ["training time (s)"], runs=_runs(board, pages, badges),
        primary=heading(board, board.primary), beside=beside, home=home, wall=wall, board=board, lead=_lead(board),
        footnotes=footnotes(results), published=_published(board), separations=_separations(results),
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
    record = board.runs[0].record if board.runs else board.skipped[0].record
    trained, photos = len(board.ranked), record.data.n_test
    seeds = max((len(entry.runs) for entry in board.ranked), default=0)
    parts = [f"{trained} entries", f"up to {seeds} seeds" if seeds > 1 else "one seed", f"{photos} test photos"]
    return f"{', '.join(parts)}; budget {_budget(record)}; primary metric {heading(board, board.primary)}."


def _budget(record: Record) -> str:
    protocol = record.cell.protocol
    return f"{protocol.budget}{f' by {name_of_table(protocol.table_sha256)}' if protocol.table_sha256 else ''}"


def _has_chart(board: Board) -> bool:
    return "colorfulness" in board.metrics or bool(_costs(board))


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
    for column in _FACTS:
        values = sorted({_fact(entry, column) for entry in board.entries})
        if 1 < len(values) <= _MOST_FILTER_VALUES:
            found.append({"title": column, "column": column, "values": values})
    return found


def _fact(entry: Entry, column: str) -> str:
    return entry.kind if column == "kind" else getattr(entry.recipe, column)


def _protocol(board: Board) -> list[tuple[str, str]]:
    record = board.runs[0].record if board.runs else board.skipped[0].record
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
    names, costs = short_names(board.entries, 30), _costs(board)
    shown = results.order()
    directed = [m for m in _primary_first(board) if board.higher_is_better(m) is not None]
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
        "pairs": {m: pairs for m in directed if (pairs := _pairs(results.full[m], shown))},
    }


def _costs(board: Board) -> list[str]:
    """The costs that tell entries apart."""
    return [key for key in COSTS if varies(np.array([cost(entry, key) for entry in board.entries]))]


def _pairs(ranking: Ranking, shown: list[int]) -> list | None:
    """Row i, of entry i in the order shown: `[difference, half width, Holm p]` to each entry before it; None unknown."""
    if ranking.comparisons is None or ranking.p_holm is None or len(shown) > _MOST_COMPARED:
        return None
    difference, half, p = ranking.comparisons.difference, ranking.comparisons.half_width(), ranking.p_holm
    return [
        [[_rounded(difference[a, b]), _rounded(half[a, b]), _rounded(p[a, b])] for b in shown[:row]]
        for row, a in enumerate(shown)
    ]


def _rounded(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None


def matrix(results: Results) -> dict | None:
    """The pairwise differences of the ranked entries by the primary metric: names, and rows of cells."""
    ranking, names = results.primary, short_names(results.board.entries, 24)
    shown = [k for k in results.order() if ranking.tier[k] is not None]
    if ranking.comparisons is None or ranking.p_holm is None or not 1 < len(shown) <= _MOST_MATRIX:
        return None
    half = ranking.comparisons.half_width()
    higher = bool(results.board.higher_is_better(ranking.metric))
    rows = []
    for a in shown:
        cells = []
        for b in shown:
            difference, p = float(ranking.comparisons.difference[a, b]), float(ranking.p_holm[a, b])
            apart = "" if a == b or not p < ALPHA else "better" if (difference > 0) == higher else "worse"
            text = "" if a == b else f"{difference:+.2f}"
            about = f"{difference:+.3g} ± {half[a, b]:.2g}, Holm p {p_text(p)}"
            cells.append({"text": text, "kind": apart, "about": "" if a == b else about})
        rows.append({"name": names[results.board.entries[a].label], "cells": cells})
    return {"names": [names[results.board.entries[k].label] for k in shown], "rows": rows}


def _separations(results: Results) -> dict | None:
    """What would tell the leader from its ties, as texts."""
    found = separations(results)
    if not found:
        return None
    ranking, names = results.primary, short_names(results.board.entries)
    first = next(k for k in results.order() if ranking.tier[k] is not None)
    rows = [
        (
            names[one.label],
            significant(abs(one.difference), one.detectable),
            significant(one.detectable, one.detectable),
            str(one.seeds) if one.seeds else "–",
            str(one.photos) if one.photos else "–",
        )
        for one in found
    ]
    return {"first": names[results.board.entries[first].label], "rows": rows}


def p_text(p: float) -> str:
    """
    >>> p_text(0.0002), p_text(0.0314), p_text(float("nan"))
    ('< 0.001', '0.031', 'unknown')
    """
    return "unknown" if not np.isfinite(p) else "< 0.001" if p < 0.001 else f"{p:.2g}"


def _primary_first(board: Board) -> list[str]:
    """The metric that ranks stands where a narrow screen still shows it."""
    return sorted(board.metrics, key=lambda metric: metric != board.primary)


def _columns(board: Board, costs: list[str], normalized: bool) -> list[dict]:
    columns: list[dict] = [
        {"name": "rank", "title": "rank", "number": True, "shown": board.rankable},
        {"name": "label", "title": "entry"},
    ]
    columns += [{"name": name, "title": title, "number": True, "shown": False} for name, title in _AGAINST.items()]
    columns += [{"name": name, "title": name, "shown": False} for name in _FACTS]
    columns += [{"name": "seeds", "title": "seeds", "number": True}]
    for suffix, words in (("", ""), ("_color_only", " color-only")):
        for metric in _primary_first(board):
            columns.append(
                {
                    "name": metric + suffix,
                    "title": metric + words if words else heading(board, metric),
                    "number": True,
                    "down": bool(board.higher_is_better(metric)),
                    "primary": metric == board.primary and not words,
                    "shown": not words or metric == board.primary,
                }
            )
    if normalized:
        columns.append({"name": "iqm", "title": "gray-normalized ↑", "number": True, "down": True})
    columns += [{"name": key, "title": f"{COSTS[key][0]} ({COSTS[key][1]})", "number": True} for key in costs]
    columns += [{"name": "licence", "title": "license", "shown": False}]
    return [{"number": False, "down": False, "primary": False, "shown": True} | column for column in columns]


def _groups(results: Results, columns: list[dict], pages: dict, badges: dict) -> list[dict]:
    """The rows of the table, as `Results.groups` parts them."""
    number, iqm = {k: at for at, k in enumerate(results.order())}, summary(results.board)[1][:, 0]
    return [
        {
            "title": title,
            "about": about,
            "rows": [_row(results, k, number[k], columns, iqm, pages, badges) for k in rows],
        }
        for title, about, rows in results.groups()
    ]


def _row(results: Results, k: int, number: int, columns: list[dict], iqm, pages: dict, badges: dict) -> dict:
    entry = results.board.entries[k]
    cells = [column | {"place": ""} | _cell(results, k, column["name"], float(iqm[k])) for column in columns]
    return {
        "cells": cells, "kind": entry.kind, "page": pages.get(entry.runs[0].sha256), "label": entry.label,
        "parts": entry.label.split("+"), "number": number, "badges": entry_badges(entry, badges),
        "about": ABOUT.get(entry.label, "") if entry.kind == "baseline" else "",
        "facts": {name: _fact(entry, name) for name in _FACTS},
    }  # fmt: skip


def _cell(results: Results, k: int, name: str, iqm: float) -> dict:
    """`text` and the value `sort` that a column is sorted by."""
    entry = results.board.entries[k]
    tier = results.primary.tier[k]
    if name == "rank":
        text = place(entry, results.primary, k) if entry.kind == "trained" else ""
        return {"text": text, "sort": None if tier is None else sum(tier) / 2}
    if name in _AGAINST:
        return {"text": "", "sort": None}
    if name in ("label", "licence"):
        return {"text": entry.label if name == "label" else entry.runs[0].record.generator.licence, "sort": None}
    if name in _FACTS:
        return {"text": _fact(entry, name), "sort": None}
    if name == "seeds":
        return {"text": str(len(entry.runs)), "sort": len(entry.runs)}
    if name in COSTS:
        return _number(cost(entry, name))
    if name == "iqm":
        return {"text": significant(iqm, 0.02) if math.isfinite(iqm) else "", "sort": _finite(iqm)}
    part = name.removesuffix("_color_only")
    return _value((results.full if part == name else results.color_only)[part], k)


def _value(result: Ranking, k: int) -> dict:
    """`place`: rank tier and letters by this metric, shown when the table is sorted by it."""
    value = _finite(result.mean[k])
    where = place(result.entries[k], result, k) if result.tier[k] else ""
    return {"text": cell(result, k) if value is not None else "", "sort": value, "place": where}


def _number(value: float) -> dict:
    return {"text": f"{value:.3g}" if math.isfinite(value) else "", "sort": _finite(value)}


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


def _runs(board: Board, pages: dict, badges: dict) -> list[dict]:
    rows = []
    for entry in board.entries:
        for run in entry.runs:
            scores = [run.record.scores[m].value if m in run.record.scores else None for m in board.metrics]
            texts = ["" if v is None else significant(v, float("nan")) for v in scores]
            seconds = _number(run.record.cost.train_seconds if entry.kind == "trained" else float("nan"))
            rows.append(
                {
                    "name": f"{entry.label} seed {run.record.cell.seed}",
                    "page": pages.get(run.sha256),
                    "status": run.record.status,
                    "badges": [("good", name) for name in badges.get(run.sha256, [])],
                    "cells": [{"text": x, "sort": v} for x, v in zip(texts, scores)] + [seconds],
                }
            )
    return rows


def _point(results: Results, k: int, costs: list[str], pages: dict, names: dict[str, str]) -> dict:
    entry = results.board.entries[k]
    return {
        "label": entry.label,
        "name": names[entry.label],
        "page": pages.get(entry.runs[0].sha256),
        "kind": entry.kind,
        "costs": {key: _finite(cost(entry, key)) for key in costs},
        "means": {m: _finite(r.mean[k]) for m, r in results.full.items()},
        "halves": {m: _finite(r.half[k]) for m, r in results.full.items()},
    }
