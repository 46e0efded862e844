"""Quality against what it costs, one panel a cost, the front drawn as a line."""

import itertools
from pathlib import Path

import numpy as np

from colorbench.leaderboard.entries import cut, short_names
from colorbench.leaderboard.pareto import COSTS, cost, pareto
from colorbench.leaderboard.plots.style import INK, SOFT, figure, label_points, markers, palette, save
from colorbench.leaderboard.table import heading
from colorbench.leaderboard.tiers import Results


def plot_fronts(results: Results, folder: Path) -> Path | None:
    """The primary metric against seconds, parameters, memory and joules, as far as they were metered."""
    board, result = results.board, results.primary
    direction = board.higher_is_better(board.primary)
    kept = [k for k, entry in enumerate(board.entries) if entry.kind != "baseline" and np.isfinite(result.mean[k])]
    costs = {key: np.array([cost(board.entries[k], key) for k in kept]) for key in COSTS}
    costs = {key: values for key, values in costs.items() if np.isfinite(values).any()}
    if direction is None or not costs:
        return None
    rows = -(-len(costs) // 2)
    made, axes = figure(9.0, 0.6 + 3.4 * rows, rows, min(2, len(costs)), squeeze=False, sharey=True)
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


def _panel(ax, results: Results, kept: list[int], values, direction: bool):
    board, result = results.board, results.primary
    generators = sorted({board.entries[k].recipe.generator for k in kept})
    colors, shapes = palette(generators), markers(generators)
    quality, half = result.mean[kept], result.half[kept]
    front = np.flatnonzero(pareto(values, quality, direction))
    if len(front):
        front = front[np.argsort(values[front])]
        ax.step(values[front], quality[front], where="post", color=INK, lw=1.1, zorder=2)
    named = np.array([board.entries[k].recipe.generator for k in kept])
    for generator in generators:
        mine = (named == generator) & np.isfinite(values)
        ax.errorbar(
            values[mine],
            quality[mine],
            np.where(np.isfinite(half[mine]), half[mine], 0),
            ecolor=_pale(colors[generator]),
            color=colors[generator],
            fmt=shapes[generator],
            ms=6,
            lw=0,
            elinewidth=0.8,
            mec="white",
            mew=0.6,
            zorder=3,
        )
    finite = values[np.isfinite(values) & (values > 0)]
    if len(finite) and finite.max() > 8 * finite.min():
        _logarithmic(ax)
    ax.margins(x=0.2, y=0.08)
    if not direction:
        ax.invert_yaxis()


def _logarithmic(ax):
    """A log axis whose ticks are plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _pale(color: str) -> tuple:
    from matplotlib.colors import to_rgb

    return tuple(0.45 * c + 0.55 for c in to_rgb(color))


def _name_points(ax, results: Results, kept: list[int], values):
    """The front's points first, then the others while there is room."""
    quality = results.primary.mean[kept]
    front = pareto(values, quality, bool(results.board.higher_is_better(results.board.primary)))
    points = [k for k in np.lexsort((quality, ~front)) if np.isfinite(values[k])]
    if len(points) > 30:
        points = [k for k in points if front[k]]
    names = short_names(results.board.entries, 30)
    texts = [names[results.board.entries[kept[k]].label] for k in points]
    corners = sorted((values[k], quality[k]) for k in np.flatnonzero(front))
    lines = [((x0, y0), (x1, y0)) for (x0, y0), (x1, _) in itertools.pairwise(corners)]
    lines += [((x1, y0), (x1, y1)) for (_, y0), (x1, y1) in itertools.pairwise(corners)]
    label_points(ax, [(float(values[k]), float(quality[k]), text) for k, text in zip(points, texts)], lines)


def _legend(made, generators: list[str]):
    from matplotlib.lines import Line2D

    if len(generators) > 16:
        return
    colors, shapes = palette(generators), markers(generators)
    handles = [Line2D([], [], color=colors[g], marker=shapes[g], ls="", ms=5.5, label=cut(g, 20)) for g in generators]
    made.legend(handles=handles, loc="outside lower left", ncols=6, frameon=False, fontsize=8, labelcolor=SOFT)
