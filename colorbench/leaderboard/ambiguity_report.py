"""What a board of generated scenes says about ambiguity, for its page, as CSV and as Markdown: who averages, who decides,
how far from the best possible, and what each metric rewards."""

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

from colorbench.files import REFERENCES, write_atomically
from colorbench.leaderboard.ambiguity import BOUNDS, MEASURES, OBJECTS, Ambiguity, leaks
from colorbench.leaderboard.rewards import rewards_table
from colorbench.leaderboard.table import csv, plain_markdown
from colorbench.leaderboard.tiers import Results

if TYPE_CHECKING:
    import pandas as pd

AMBIGUITY, REWARDS, TEXT = "ambiguity.csv", "rewards.csv", "ambiguity.md"
_SHARES = ("near_mode", "near_mean", "near_gray")


def write_ambiguity(results: Results, out: Path) -> None:
    """`ambiguity.csv`, `rewards.csv` and `ambiguity.md` in the board's folder; nothing on a board of photos.

    The measured objects are kept beside the records, so that the board can be built again where pictures are not kept.
    """
    found = results.ambiguity
    if found is None:
        return
    write_atomically(out / AMBIGUITY, csv(_table(results)).encode(), durable=False)
    judged = rewards_table(found.rewards)
    if len(judged):
        write_atomically(out / REWARDS, csv(judged).encode(), durable=False)
    write_atomically(out / TEXT, _markdown(ambiguity_section(results) or {}).encode(), durable=False)
    if (found.board.folder / REFERENCES).is_dir():
        file = io.BytesIO()
        found.objects.to_parquet(file, index=False)
        write_atomically(found.board.folder / OBJECTS, file.getvalue(), durable=False)


def ambiguity_section(results: Results) -> dict | None:
    """Lines and tables for the page; None on boards of photos, whose distribution of color nobody knows."""
    found = results.ambiguity
    if found is None:
        return None
    frame = _table(results)
    tables = [_entries(frame), _judged(found)]
    return {"lines": _lines(found, frame), "tables": [one for one in tables if one is not None]}


def _table(results: Results):
    assert results.ambiguity is not None
    return entry_table(results.ambiguity, [results.board.entries[k].label for k in results.order()])


def entry_table(found: Ambiguity, order: list[str]) -> "pd.DataFrame":
    """One row per entry, in this order of labels: kind, shares, total variation, regrets with half widths."""
    import pandas as pd

    by_label, rows = {entry.label: entry for entry in found.entries}, []
    for label in order:
        if label not in by_label:
            continue
        spread = found.spreads[label]
        row = {"label": label, "kind": by_label[label].kind, "near_mode": spread.mode, "near_mean": spread.mean}
        row |= {"near_gray": spread.gray, "total_variation": spread.variation}
        for measure, regrets in found.regrets.items():
            if label in regrets:
                regret = regrets[label]
                row |= {f"regret_{measure}": regret.value, f"regret_{measure}_half": regret.half}
                row |= {f"regret_{measure}_of_gray": regret.relative, f"regret_{measure}_p_below": regret.p_below}
        rows.append(row)
    return pd.DataFrame(rows)


def averaging_line(frame: "pd.DataFrame") -> str:
    """What the losses do, in one line, from `entry_table`: who averages and who decides, named where most of its colors do."""
    trained = frame.loc[frame["kind"] == "trained"].dropna(subset=["near_mode", "near_mean"])
    if len(trained) < 2:
        return ""
    averages = trained.loc[trained["near_mean"].idxmax()]
    if averages["near_mean"] > 0.5:
        first = (
            f"{averages['label']} averages: {averages['near_mean']:.0%} of its colors are the mean of an object's possible "
            f"colors, {averages['near_mode']:.0%} one of these"
        )
        rest, none, colors = trained.drop(averages.name), "none of the others decides", ""
    else:
        most = f"at most {averages['near_mean']:.0%} of an entry's colors"
        first = f"No entry averages: {most} are the mean of an object's possible colors"
        rest, none, colors = trained, "none decides", " one of these"
    decides = rest.loc[rest["near_mode"].idxmax()]
    if decides["near_mode"] > 0.5:
        return f"{first}; {decides['label']} decides: {decides['near_mode']:.0%} are{colors}."
    return f"{first}; {none}: at most {decides['near_mode']:.0%} are{colors}."


def _markdown(section: dict) -> str:
    """The section's lines, a paragraph each, the losses first; then its tables."""
    parts = [plain_markdown(line) for line in section["lines"]]
    for one in section["tables"]:
        heads, rows = one["heads"], [row["cells"] for row in one["rows"]]
        lines = ["| " + " | ".join(map(plain_markdown, row)) + " |" for row in [heads, *rows]]
        lines.insert(1, "|" + "---|" * len(heads))
        parts += [f"## {one['title']}", "\n".join(lines), plain_markdown(one["note"])]
    return "\n\n".join(parts) + "\n"


def _lines(found: Ambiguity, frame) -> list[str]:
    lines = [averaging_line(frame)]
    hits = leaks(found)
    if hits:
        lines.append(
            f"Warning: significantly better than the best possible, so the harness leaks the truth: {'; '.join(hits)}."
        )
    else:
        lines.append("No entry is significantly better than the best possible from gray alone.")
    return [line for line in lines if line]


def _entries(frame) -> dict:
    measures = [measure for measure in BOUNDS if f"regret_{measure}" in frame]
    heads = ["entry", "near a mode", "near the mean", "near gray", "total variation"]
    heads += [f"regret, {MEASURES[measure]}" for measure in measures]
    rows = []
    for row in frame.to_dict("records"):
        cells = [row["label"], *(_share(row[key]) for key in _SHARES), _plain(row["total_variation"])]
        cells += [_regret(row, measure) for measure in measures]
        rows.append({"kind": "" if row["kind"] == "trained" else row["kind"], "cells": cells})
    note = (
        "Shares of objects of ambiguous materials whose mean color is within 10 delta E of one of the material's modes, of "
        "their mean, of gray. Total variation: between the modes chosen and their true weights; 0 covers them all, .5 drops "
        "half. Regret: the error above that of the best constant per material (bayes-mean for squared error, bayes-median for "
        "absolute error, bayes-delta-e for delta-e-2000), as a share of gray's. 0 is the best possible, 100 % is gray; "
        "± is the 95 % interval over seeds and scenes."
    )
    return {"title": "Each entry", "heads": heads, "rows": rows, "text": (), "note": note, "file": AMBIGUITY}


def _judged(found: Ambiguity) -> dict | None:
    judged = found.rewards
    if not judged:
        return None
    heads = ["metric", "rewards averaging", "its order, best first"]
    rows = [{"kind": "", "cells": [r.metric, r.averaging if r.order else "", r.text or r.averaging]} for r in judged]
    note = (
        "Six predictions with known properties: bayes-sample has the right distribution of colors, bayes-mode takes the "
        "likeliest color, bayes-median and bayes-mean average, gray has no color, shuffled-ab has plausible colors in wrong "
        "places. A metric rewards averaging when bayes-mean beats bayes-sample. >: told apart (5 %, paired over "
        "scenes); ≈: not told apart."
    )
    return {
        "title": "What does each metric reward?", "heads": heads, "rows": rows, "text": (2, 3), "note": note, "file": REWARDS
    }  # fmt: skip


def _share(value: float) -> str:
    return "" if math.isnan(value) else f"{100 * value:.0f} %"


def _plain(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def _regret(row: dict, measure: str) -> str:
    """In percent of gray's regret."""
    share, half = 100 * row[f"regret_{measure}_of_gray"], row[f"regret_{measure}_half"]
    if math.isnan(share):
        return ""
    scale = abs(share / row[f"regret_{measure}"]) if row[f"regret_{measure}"] else 0.0
    return f"{share:.0f} ± {half * scale:.0f} %" if half * scale > 0 else f"{share:.0f} %"
