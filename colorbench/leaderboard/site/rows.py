"""The table of a board's page: its columns, its groups of rows with their cells and badges, and the list of all runs."""

import math

import numpy as np

from colorbench.leaderboard.entries import Board, Entry
from colorbench.leaderboard.pareto import COSTS, cost, summary, varies
from colorbench.leaderboard.table import cell, heading, place, significant
from colorbench.leaderboard.tiers import Ranking, Results
from colorbench.leaderboard.verdict import ABOUT

FACTS = ("kind", "generator", "loss", "head")
_AGAINST = {"against": "difference", "against_p": "Holm p"}
"""Columns that the script fills when an entry is chosen to compare with."""


def table_columns(board: Board, costs: list[str], normalized: bool) -> list[dict]:
    columns: list[dict] = [
        {"name": "rank", "title": "rank", "number": True, "shown": board.rankable},
        {"name": "label", "title": "entry"},
    ]
    columns += [{"name": name, "title": title, "number": True, "shown": False} for name, title in _AGAINST.items()]
    columns += [{"name": name, "title": name, "shown": False} for name in FACTS]
    columns += [{"name": "seeds", "title": "seeds", "number": True}]
    for suffix, words in (("", ""), ("_color_only", " color-only")):
        for metric in primary_first(board):
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


def table_groups(results: Results, columns: list[dict], pages: dict, badges: dict) -> list[dict]:
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
        "number": number, "badges": entry_badges(entry, badges),
        "about": ABOUT.get(entry.label, "") if entry.kind == "baseline" else "",
        "facts": {name: fact(entry, name) for name in FACTS},
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
    if name in FACTS:
        return {"text": fact(entry, name), "sort": None}
    if name == "seeds":
        return {"text": str(len(entry.runs)), "sort": len(entry.runs)}
    if name in COSTS:
        return _number(cost(entry, name))
    if name == "iqm":
        return {"text": significant(iqm, 0.02) if math.isfinite(iqm) else "", "sort": finite(iqm)}
    part = name.removesuffix("_color_only")
    return _value((results.full if part == name else results.color_only)[part], k)


def _value(result: Ranking, k: int) -> dict:
    """`place`: rank tier and letters by this metric, shown when the table is sorted by it."""
    value = finite(result.mean[k])
    where = place(result.entries[k], result, k) if result.tier[k] else ""
    return {"text": cell(result, k) if value is not None else "", "sort": value, "place": where}


def _number(value: float) -> dict:
    return {"text": f"{value:.3g}" if math.isfinite(value) else "", "sort": finite(value)}


def finite(value: float) -> float | None:
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


def table_runs(board: Board, pages: dict, badges: dict) -> list[dict]:
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


def primary_first(board: Board) -> list[str]:
    """The primary metric first, where a narrow screen still shows it."""
    return sorted(board.metrics, key=lambda metric: metric != board.primary)


def fact(entry: Entry, column: str) -> str:
    return entry.kind if column == "kind" else getattr(entry.recipe, column)


def differing_costs(board: Board) -> list[str]:
    """The costs that tell entries apart."""
    return [key for key in COSTS if varies(np.array([cost(entry, key) for entry in board.entries]))]
