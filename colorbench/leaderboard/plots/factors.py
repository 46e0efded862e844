"""Generator x loss: the heat map, and how much of the variation each of them and their interaction explains."""

from collections import Counter
from pathlib import Path

import numpy as np

from colorbench.leaderboard.factors import SOURCES, Factors, factors
from colorbench.leaderboard.plots.style import COLORS, INK, LINES, MARKERS, figure, in_lines, save, spread
from colorbench.leaderboard.table import heading, p_text, significant
from colorbench.leaderboard.tiers import Results


def plot_heat_map(results: Results, folder: Path) -> Path | None:
    """The primary metric of every generator (columns) under every loss (rows); the best loss of a column in bold.

    Entries that share both, with another head or other options, have a row each, under their own names.
    """
    import seaborn

    board, result = results.board, results.primary
    shown = [k for k, e in enumerate(board.entries) if e.kind == "trained" and np.isfinite(result.mean[k])]
    pairs = Counter((board.entries[k].recipe.loss, board.entries[k].recipe.generator) for k in shown)
    cells = {}
    for k in shown:
        recipe = board.entries[k].recipe
        row = recipe.loss if pairs[recipe.loss, recipe.generator] == 1 else board.entries[k].label
        cells[row, recipe.generator] = k
    losses, generators = (sorted({cell[axis] for cell in cells}) for axis in (0, 1))
    if len(cells) < 2:
        return None
    values = np.array([[result.mean[cells[x, g]] if (x, g) in cells else np.nan for g in generators] for x in losses])
    texts = np.array([[_cell_text(result, cells.get((x, g))) for g in generators] for x in losses])
    direction = board.higher_is_better(board.primary)
    rows, columns = _best_first(values, direction)
    values, texts = values[rows][:, columns], texts[rows][:, columns]
    losses, generators = [losses[k] for k in rows], [generators[k] for k in columns]
    made, ax = figure(3.1 + 0.95 * len(generators), 1.4 + 0.42 * len(losses))
    seaborn.heatmap(
        values, ax=ax, annot=texts, fmt="", cmap="cividis" if direction else "cividis_r", linewidths=1, annot_kws={"size": 8},
        cbar_kws={"label": heading(board, board.primary), "shrink": 0.9},
        xticklabels=[in_lines(g, 18) for g in generators], yticklabels=[in_lines(x, 30) for x in losses],
    )  # fmt: skip
    ax.set(xlabel="generator", ylabel="loss")
    ax.tick_params(axis="y", rotation=0)
    ax.tick_params(axis="x", rotation=25 if max(map(len, generators)) > 9 else 0)
    made.suptitle(f"{board.primary}; bold: best loss of a generator", x=0.01, ha="left", weight="bold", size=10)
    _embolden(ax, values, direction)
    return save(made, folder, "heat-map")


def _best_first(values, direction: bool | None):
    """Orders of rows and columns, best mean first."""
    sign = -1.0 if direction else 1.0
    return [np.argsort([sign * _mean(line) for line in lines], kind="stable") for lines in (values, values.T)]


def _mean(line) -> float:
    return float(line[np.isfinite(line)].mean())


def _cell_text(result, k: int | None) -> str:
    return "" if k is None else significant(float(result.mean[k]), float(result.half[k]))


def _embolden(ax, values, direction: bool | None):
    if direction is None:
        return
    best = np.full(values.shape[1], -1)
    for column in range(values.shape[1]):
        if np.isfinite(values[:, column]).any():
            best[column] = (np.nanargmax if direction else np.nanargmin)(values[:, column])
    for text in ax.texts:
        x, y = text.get_position()
        if best[int(x)] == int(y):
            text.set_weight("bold")


def plot_factors(results: Results, folder: Path) -> Path | None:
    """Left: each loss through all generators (crossing lines: interaction). Right: share of the variation."""
    view = factors(results.board)
    if view is None:
        return None
    made, (left, right) = figure(7.6, 3.3, 1, 2, width_ratios=(1.7, 1))
    _interaction(left, view)
    left.set_ylabel(heading(results.board, view.metric))
    left.set_title("Does the best loss depend on the generator?")
    _shares(right, view)
    return save(made, folder, "factors")


def _interaction(ax, view: Factors):
    x = np.arange(len(view.generators))
    for k in range(len(view.losses)):
        ax.plot(x, view.cells[k], MARKERS[k % 8] + LINES[k % 4], color=COLORS[k % 8], ms=5, lw=1.5)
    ax.set_xticks(x, [in_lines(g, 14) for g in view.generators], rotation=20 if len(x) > 4 else 0)
    ax.set_xlim(-0.2, x[-1] + 0.15)
    height = np.ptp(ax.get_ylim())
    for k, y in enumerate(spread(list(view.cells[:, -1]), 0.065 * height)):
        line = {"arrowstyle": "-", "color": COLORS[k % 8], "lw": 0.5, "shrinkB": 4}
        ax.annotate(
            in_lines(view.losses[k], 24), (x[-1], view.cells[k, -1]), (x[-1] + 0.22, y), va="center", fontsize=7.5,
            color=COLORS[k % 8], annotation_clip=False, arrowprops=line,
        )  # fmt: skip


def _shares(ax, view: Factors):
    names = SOURCES[::-1]
    values = [100 * view.share[name] for name in names]
    ax.barh(range(len(names)), values, color=[COLORS[0] if n != "seeds" else "#9a9a9a" for n in names], height=0.6)
    for y, (name, value) in enumerate(zip(names, values)):
        p = view.p.get(name, np.nan)
        mark = f"  p {p_text(p)}" if np.isfinite(p) else ""
        ax.text(value + 1.5, y, f"{value:.0f} %{mark}", va="center", fontsize=8, color=INK)
    ax.set_yticks(range(len(names)), names)
    ax.set_xlim(0, max(values) * 1.75 + 5)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("share of sum of squares (%)")
    ax.set_title("What moves the score")
