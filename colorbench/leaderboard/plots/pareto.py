"""Quality against color and against cost: one panel each, names beside the points, the front drawn as a line."""

import itertools
from pathlib import Path

import numpy as np

from colorbench.leaderboard.entries import short_names
from colorbench.leaderboard.pareto import COSTS, cost, pareto, truth_colorfulness, varies
from colorbench.leaderboard.plots.style import COLORS, INK, SOFT, figure, in_lines, label_points, save
from colorbench.leaderboard.table import heading
from colorbench.leaderboard.tiers import Results

_MOST_NAMED = 30


def plot_fronts(results: Results, folder: Path) -> Path | None:
    """The primary metric against colorfulness, seconds, parameters, memory and joules, as far as they differ."""
    board, result = results.board, results.primary
    direction = board.higher_is_better(board.primary)
    kept = [k for k, entry in enumerate(board.entries) if entry.kind != "baseline" and np.isfinite(result.mean[k])]
    costs = {key: np.array([cost(board.entries[k], key) for k in kept]) for key in COSTS}
    costs = {key: values for key, values in costs.items() if varies(values)}
    color = results.full.get("colorfulness")
    panels = len(costs) + (color is not None)
    if direction is None or not kept or not panels:
        return None
    rows = -(-panels // 2)
    made, grid = figure(9.6, 0.6 + 3.7 * rows, rows, min(2, panels), squeeze=False)
    axes = list(grid.flat)
    for ax in axes[panels:]:
        ax.set_axis_off()
    drawn = []
    if color is not None:
        drawn.append((axes[0], _against_color(axes[0], results, kept, color.mean), []))
    for ax, (key, values) in zip(axes[len(drawn) :], costs.items()):
        drawn.append((ax, *_against_cost(ax, results, kept, values, direction)))
        ax.set_xlabel("{} ({})".format(*COSTS[key]))
    for ax, _, _ in drawn:
        ax.set_ylabel(heading(board, board.primary))
        if not direction:
            ax.invert_yaxis()
    made.suptitle(
        "Line: Pareto front of the means; neighbors on it may not differ significantly",
        x=0.01,
        ha="left",
        size=8.5,
        color=SOFT,
    )
    made.canvas.draw()
    for ax, points, lines in drawn:
        label_points(ax, points, lines)
    return save(made, folder, "fronts")


def _against_color(ax, results: Results, kept: list[int], color) -> list[tuple[float, float, str]]:
    """Who is gray, who is vivid and wrong, who is vivid and right; baselines hollow, a line at the photos' colorfulness."""
    board, result = results.board, results.primary
    marks = [k for k, entry in enumerate(board.entries) if entry.kind == "baseline" and np.isfinite(result.mean[k])]
    points = [k for k in [*kept, *marks] if np.isfinite(color[k])]
    for group, face in ((kept, COLORS[0]), (marks, "white")):
        mine = [k for k in group if np.isfinite(color[k])]
        edge = COLORS[0] if group is kept else SOFT
        ax.plot(color[mine], result.mean[mine], "o", color=edge, mfc=face, ms=5.5, mew=1.2 if group is marks else 0.4)
    true = truth_colorfulness(board)
    if true is not None:
        ax.axvline(true, color=SOFT, lw=1, ls=(0, (4, 3)))
        ax.text(true, 0.02, " photos", transform=ax.get_xaxis_transform(), fontsize=7.5, color=SOFT)
    ax.set_xlabel(heading(board, "colorfulness"))
    ax.set_title("Error against color")
    ax.margins(x=0.12, y=0.1)
    names = _names(results)
    points.sort(key=lambda k: board.entries[k].kind != "baseline")
    return [(float(color[k]), float(result.mean[k]), names[k]) for k in points[:_MOST_NAMED]]


def _against_cost(ax, results: Results, kept: list[int], values, direction: bool):
    """`(points, lines)` for `label_points`: the front's first, then the others while there is room."""
    quality, half = results.primary.mean[kept], results.primary.half[kept]
    front = pareto(values, quality, direction)
    corners = sorted((float(values[k]), float(quality[k])) for k in np.flatnonzero(front))
    ax.step(*zip(*corners), where="post", color=INK, lw=1.1, zorder=2)
    known = np.isfinite(values)
    ax.errorbar(
        values[known], quality[known], np.nan_to_num(half[known]), fmt="o", color=COLORS[0], ecolor="#9fc4dd", ms=5.5,
        elinewidth=0.8, mec="white", mew=0.6, zorder=3,
    )  # fmt: skip
    finite = values[known & (values > 0)]
    if len(finite) and finite.max() > 8 * finite.min():
        _logarithmic(ax)
    ax.margins(x=0.2, y=0.08)
    ax.set_title("Quality against cost")
    order = [k for k in np.lexsort((quality, ~front)) if known[k]]
    named = order if len(order) <= _MOST_NAMED else [k for k in order if front[k]]
    names = _names(results)
    points = [(float(values[k]), float(quality[k]), names[kept[k]]) for k in named]
    lines = [((x0, y0), (x1, y0)) for (x0, y0), (x1, _) in itertools.pairwise(corners)]
    lines += [((x1, y0), (x1, y1)) for (_, y0), (x1, y1) in itertools.pairwise(corners)]
    return points, lines


def _names(results: Results) -> list[str]:
    short = short_names(results.board.entries)
    return [in_lines(short[entry.label], 26) for entry in results.board.entries]


def _logarithmic(ax):
    """A log axis whose ticks are plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
