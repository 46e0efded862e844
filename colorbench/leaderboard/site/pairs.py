"""The evidence behind a rank: every entry against every other, and what would tell the leader from its ties."""

import numpy as np

from colorbench.leaderboard.comparison import separations
from colorbench.leaderboard.entries import short_names
from colorbench.leaderboard.table import p_text, significant
from colorbench.leaderboard.tiers import ALPHA, Ranking, Results

_MOST_COMPARED = 60
_MOST_MATRIX = 40


def pair_values(ranking: Ranking, shown: list[int]) -> list | None:
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
    ranking, entries = results.primary, results.board.entries
    names = short_names(entries)
    shown = results.ranked()
    if ranking.comparisons is None or ranking.p_holm is None or not 1 < len(shown) <= _MOST_MATRIX:
        return None
    half, digits = ranking.comparisons.half_width(), _digits(ranking, shown)
    higher = bool(results.board.higher_is_better(ranking.metric))
    rows = []
    for a in shown:
        cells = []
        for b in shown:
            difference, p = float(ranking.comparisons.difference[a, b]), float(ranking.p_holm[a, b])
            apart = "self" if a == b else "" if not p < ALPHA else "better" if (difference > 0) == higher else "worse"
            text = "" if a == b else f"{difference:+.{digits}f}"
            text = text if not text or float(text) else text[1:]  # no sign of zero
            about = f"{difference:+.3g} ± {half[a, b]:.2g}, Holm p {p_text(p)}"
            cells.append({"text": text, "kind": apart, "about": "" if a == b else about})
        rows.append({"name": names[entries[a].label], "cells": cells})
    return {"heads": [(names[entries[k].label], entries[k].label) for k in shown], "rows": rows}


def _digits(ranking: Ranking, shown: list[int]) -> int:
    """Decimals that show two digits of a usual interval."""
    half = ranking.comparisons.half_width()[np.ix_(shown, shown)] if ranking.comparisons else np.zeros(0)
    usual = half[np.isfinite(half) & (half > 0)]
    return int(np.clip(1 - np.floor(np.log10(np.median(usual))), 0, 6)) if usual.size else 2


def separating(results: Results) -> dict | None:
    """What would tell the leader from its ties, as texts."""
    found = separations(results)
    if not found:
        return None
    rows = [
        (
            one.label,
            significant(abs(one.difference), one.detectable),
            significant(one.detectable, one.detectable),
            str(one.seeds) if one.seeds else "–",
            str(one.photos) if one.photos else "–",
        )
        for one in found
    ]
    return {"first": results.board.entries[results.ranked()[0]].label, "rows": rows}
