"""Each entry's score with its interval, and its rank tier."""

from pathlib import Path

import numpy as np

from colorbench.leaderboard.entries import short_names
from colorbench.leaderboard.plots.style import COLORS, GRID, INK, SOFT, figure, in_lines, rows_inches, save
from colorbench.leaderboard.table import heading, significant
from colorbench.leaderboard.tiers import Ranking, Results, tier_text

MOST_ROWS = 40
"""Of more entries than this the best ones are drawn, and the title says so."""


def plot_intervals(results: Results, metric: str, folder: Path) -> Path | None:
    """Dots and 95 % intervals, best on top, one tick per seed; baselines hollow, their values as lines through all rows."""
    result = results.full[metric]
    rows = [k for k in result.order(results.board.higher_is_better(metric)) if np.isfinite(result.mean[k])]
    if not rows:
        return None
    shown = rows[:MOST_ROWS]
    names = _names(result, shown)
    made, ax = figure(7.2, 1.1 + rows_inches(names, 0.27))
    _intervals(ax, result, shown)
    ax.set_yticks(range(len(shown)), names)
    ax.set_xlabel(heading(results.board, metric))
    ax.set_title(f"{metric}: mean, 95 % interval, seeds" + _some(shown, rows))
    return save(made, folder, f"intervals-{metric}")


def plot_metrics(results: Results, folder: Path) -> Path | None:
    """All metrics side by side, rows in the order of the primary one: where metrics disagree, the dots zigzag."""
    board = results.board
    metrics = [m for m in board.metrics if np.isfinite(results.full[m].mean).any()]
    shown = results.order()[:MOST_ROWS]
    if len(metrics) < 2:
        return None
    columns = min(len(metrics), 4)
    rows = -(-len(metrics) // columns)
    names = _names(results.primary, shown)
    height = 0.75 + rows_inches(names, 0.21)
    made, axes = figure(2.2 + 1.9 * columns, rows * height, rows, columns, squeeze=False, sharey=True)
    for ax, metric in zip(axes.flat, metrics):
        _intervals(ax, results.full[metric], shown)
        ax.locator_params(axis="x", nbins=4)
        title = heading(board, metric)
        ax.set_title(title if len(title) < 24 else title.replace(" (", "\n("), fontsize=8.5)
    for ax in list(axes.flat)[len(metrics) :]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        ax.set_yticks(range(len(shown)), names, fontsize=7.5)
    return save(made, folder, "metrics")


def _some(shown: list, rows: list) -> str:
    return "" if len(shown) == len(rows) else f" (best {len(shown)} of {len(rows)})"


def _intervals(ax, result: Ranking, shown: list[int]):
    low, high = _limits(result, shown)
    for y, k in enumerate(shown):
        if not np.isfinite(result.mean[k]):
            continue
        if low <= result.mean[k] <= high:
            _mark(ax, result, k, y)
        else:
            _beyond(ax, result.mean[k], y, low, high)
    for k in shown:
        if result.entries[k].kind == "baseline" and low <= result.mean[k] <= high:
            ax.axvline(result.mean[k], color=SOFT, lw=0.7, ls=(0, (2, 3)), zorder=1)
    ax.set_xlim(low, high)
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.locator_params(axis="x", nbins=6)


def _limits(result: Ranking, shown: list[int]) -> tuple[float, float]:
    """The range of all entries; baselines that would squeeze the others into a corner stay outside, as arrows."""
    half = np.nan_to_num(result.half)
    near = [k for k in shown if result.entries[k].kind != "baseline" and np.isfinite(result.mean[k])]
    near = near or [k for k in shown if np.isfinite(result.mean[k])] or shown
    ends = [v for k in near for v in (result.mean[k] - half[k], result.mean[k] + half[k])]
    low, high = np.nanmin(ends), np.nanmax(ends)
    room = 1.6 * (high - low)
    for k in shown:
        if low - room <= result.mean[k] <= high + room:
            low, high = min(low, result.mean[k] - half[k]), max(high, result.mean[k] + half[k])
    pad = 0.04 * (high - low) or 0.05 * abs(high) or 1.0
    return low - pad, high + pad


def _beyond(ax, value: float, y: int, low: float, high: float):
    right = value > high
    text = f"{significant(float(value), float('nan'))} →" if right else f"← {significant(float(value), float('nan'))}"
    ax.text(0.995 if right else 0.005, y, text, transform=ax.get_yaxis_transform(), va="center", fontsize=7.5,
            ha="right" if right else "left", color=SOFT)  # fmt: skip


def _mark(ax, result: Ranking, k: int, y: int):
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


def _names(result: Ranking, shown: list[int]) -> list[str]:
    names = short_names(result.entries)
    signs = {"trained": "", "baseline": " (baseline)", "submission": " (outside the budget)"}
    entries = [result.entries[k] for k in shown]
    failed = [f" †{len(entry.failures)}" if entry.failures else "" for entry in entries]
    return [in_lines(names[e.label] + signs[e.kind] + dagger, 34) for e, dagger in zip(entries, failed)]


def plot_tiers(results: Results, folder: Path) -> Path | None:
    """Every ranked entry as a bar over the ranks it may hold, its tie letters beside."""
    result = results.primary
    rows = results.ranked()
    if not rows:
        return None
    shown = rows[:MOST_ROWS]
    names, tiers = _names(result, shown), [result.tier[k] or (0, 0) for k in shown]
    made, ax = figure(7.2, 1.1 + rows_inches(names, 0.27))
    last = max(high for _, high in tiers)
    for y, (k, (low, high)) in enumerate(zip(shown, tiers)):
        ax.barh(y, high - low + 0.7, left=low - 0.35, height=0.55, color=COLORS[0], alpha=0.85, zorder=2)
        text = f"{tier_text((low, high))}   {result.letter[k] or ''}".rstrip()
        ax.text(high + 0.55, y, text, va="center", fontsize=8, color=INK)
    ax.set_yticks(range(len(shown)), names)
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.set_xlim(0.4, last + max(1.5, 0.22 * last))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(axis="y", visible=False)
    ax.grid(axis="x", color=GRID)
    ax.set_xlabel(f"rank by {results.board.primary}")
    ax.set_title("Rank tiers (a letter in common: could not be told apart)" + _some(shown, rows))
    return save(made, folder, "rank-tiers")
