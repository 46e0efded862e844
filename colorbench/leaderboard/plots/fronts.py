"""Quality against what it costs, one panel a cost, the front drawn as a line."""

from pathlib import Path

import numpy as np

from colorbench.leaderboard.fronts import COSTS, cost, pareto
from colorbench.leaderboard.plots.style import INK, SOFT, figure, label_points, markers, palette, save, shorten
from colorbench.leaderboard.table import Standings, heading


def plot_fronts(results: Standings, folder: Path) -> Path | None:
    """The primary metric against seconds, parameters, memory and joules, as far as they were metered."""
    board, result = results.board, results.primary
    direction = board.higher_is_better(board.primary)
    kept = [k for k, entry in enumerate(board.entries) if entry.kind != "baseline" and np.isfinite(result.mean[k])]
    costs = {key: np.array([cost(board.entries[k], key) for k in kept]) for key in COSTS}
    costs = {key: values for key, values in costs.items() if np.isfinite(values).any()}
    if direction is None or not costs:
        return None
    rows = -(-len(costs) // 2)
    made, axes = figure(7.6, 0.6 + 3.2 * rows, rows, min(2, len(costs)), squeeze=False, sharey=True)
    for ax, (key, values) in zip(axes.flat, costs.items()):
        _panel(ax, results, kept, values, direction)
        name, unit = COSTS[key]
        ax.set_xlabel(f"{name} ({unit})")
    for ax in list(axes.flat)[len(costs) :]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        ax.set_ylabel(heading(board, board.primary))
    generators = sorted({board.entries[k].recipe.generator for k in kept})
    _legend(made, generators)
    made.suptitle(
        "Quality against cost; line: front of what no other entry beats", x=0.01, ha="left", weight="bold", size=10
    )
    for ax, values in zip(axes.flat, costs.values()):
        _name_points(ax, results, kept, values)
    return save(made, folder, "fronts")


def _panel(ax, results: Standings, kept: list[int], values, direction: bool):
    board, result = results.board, results.primary
    generators = sorted({board.entries[k].recipe.generator for k in kept})
    colors, shapes = palette(generators), markers(generators)
    quality, half = result.mean[kept], result.half[kept]
    front = np.flatnonzero(pareto(values, quality, direction))
    if len(front):
        front = front[np.argsort(values[front])]
        ax.step(values[front], quality[front], where="post", color=INK, lw=1.1, zorder=2)
    for x, y, error, k in zip(values, quality, half, kept):
        if not np.isfinite(x):
            continue
        generator = board.entries[k].recipe.generator
        error = error if np.isfinite(error) else 0
        ax.errorbar(
            x, y, error, color=colors[generator], fmt=shapes[generator], ms=5.5, lw=0.9, mec="white", mew=0.5, zorder=3
        )
    finite = values[np.isfinite(values) & (values > 0)]
    if len(finite) and finite.max() > 8 * finite.min():
        ax.set_xscale("log")
    ax.margins(x=0.14, y=0.08)
    if not direction:
        ax.invert_yaxis()


def _name_points(ax, results: Standings, kept: list[int], values):
    points = [(x, results.primary.mean[k], k) for x, k in zip(values, kept) if np.isfinite(x)]
    front = pareto(values, results.primary.mean[kept], results.board.higher_is_better(results.board.primary))
    named = {k for k, on in zip(kept, front) if on} if len(points) > 14 else {k for *_, k in points}
    points.sort(key=lambda p: p[2] not in named)
    texts = [shorten(results.board.entries[k].label, 26) if k in named else "" for *_, k in points]
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    label_points(ax, xs, ys, texts, [INK] * len(points), fontsize=6.8)


def _legend(made, generators: list[str]):
    from matplotlib.lines import Line2D

    if len(generators) > 16:
        return
    colors, shapes = palette(generators), markers(generators)
    handles = [
        Line2D([], [], color=colors[g], marker=shapes[g], ls="", ms=5.5, label=shorten(g, 20)) for g in generators
    ]
    made.legend(handles=handles, loc="outside lower left", ncols=6, frameon=False, fontsize=8, labelcolor=SOFT)
