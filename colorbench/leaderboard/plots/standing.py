"""Each entry's score with its interval, and its rank tier."""

from pathlib import Path

import numpy as np

from colorbench.leaderboard.plots.style import COLORS, GRID, INK, SOFT, figure, save, shorten
from colorbench.leaderboard.ranks import tier_text
from colorbench.leaderboard.standings import Standing
from colorbench.leaderboard.table import Standings, heading

MOST_ROWS = 40
"""A plot of more entries than this is read by nobody: the best ones are drawn, and the title says so."""


def plot_intervals(results: Standings, metric: str, folder: Path) -> Path | None:
    """Dots and 95 % intervals, best on top; baselines hollow, their values as lines through all rows."""
    board, result = results.board, results.full[metric]
    rows = [k for k in result.order(board.higher_is_better(metric)) if np.isfinite(result.mean[k])]
    if not rows:
        return None
    shown = rows[:MOST_ROWS]
    made, ax = figure(7.2, 1.1 + 0.27 * len(shown))
    _reference_lines(ax, result, rows)
    for y, k in enumerate(shown):
        _mark(ax, result, k, y)
    ax.set_yticks(range(len(shown)), [_name(result, k) for k in shown])
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.set_xlabel(heading(board, metric))
    ax.grid(axis="y", visible=False)
    ax.set_title(f"{metric} by entry, mean and 95 % interval" + _some(shown, rows))
    return save(made, folder, f"intervals-{metric}")


def _some(shown: list, rows: list) -> str:
    return "" if len(shown) == len(rows) else f" (best {len(shown)} of {len(rows)})"


def _mark(ax, result: Standing, k: int, y: int):
    entry, half = result.entries[k], result.half[k]
    color = {"trained": COLORS[0], "baseline": SOFT, "submission": COLORS[1]}[entry.kind]
    face = color if entry.kind == "trained" else "white"
    shape = {"trained": "o", "baseline": "o", "submission": "D"}[entry.kind]
    ax.errorbar(
        result.mean[k], y, xerr=half if np.isfinite(half) else None, fmt=shape, color=color, mfc=face, ms=5,
        lw=1.6, capsize=2.5, zorder=3,
    )  # fmt: skip
    seeds = entry.seed_values(result.metric)
    if len(seeds) > 1:
        ax.plot(seeds, [y + 0.28] * len(seeds), "|", color=color, ms=4, mew=0.9, alpha=0.7, zorder=2)


def _reference_lines(ax, result: Standing, rows: list[int]):
    for k in rows:
        if result.entries[k].kind == "baseline":
            ax.axvline(result.mean[k], color=SOFT, lw=0.7, ls=(0, (2, 3)), zorder=1)


def _name(result: Standing, k: int) -> str:
    entry = result.entries[k]
    sign = {"trained": "", "baseline": " (baseline)", "submission": " (outside the budget)"}[entry.kind]
    return shorten(entry.label) + sign + (f" †{len(entry.failures)}" if entry.failures else "")


def plot_tiers(results: Standings, folder: Path) -> Path | None:
    """Every ranked entry as a bar over the ranks it may hold, its tie letters beside."""
    result = results.primary
    rows = [k for k in results.order() if result.tier[k] is not None]
    if not rows:
        return None
    shown = rows[:MOST_ROWS]
    made, ax = figure(7.2, 1.1 + 0.27 * len(shown))
    last = max(result.tier[k][1] for k in shown)
    for y, k in enumerate(shown):
        low, high = result.tier[k]
        ax.barh(y, high - low + 0.7, left=low - 0.35, height=0.55, color=COLORS[0], alpha=0.85, zorder=2)
        text = f"{tier_text((low, high))}   {result.letter[k] or ''}".rstrip()
        ax.text(high + 0.55, y, text, va="center", fontsize=8, color=INK)
    ax.set_yticks(range(len(shown)), [_name(result, k) for k in shown])
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.set_xlim(0.4, last + max(1.5, 0.22 * last))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(axis="y", visible=False)
    ax.grid(axis="x", color=GRID)
    ax.set_xlabel(f"rank by {results.board.primary}; entries with a letter in common do not differ (Holm, 5 %)")
    ax.set_title("Rank tiers" + _some(shown, rows))
    return save(made, folder, "rank-tiers")
