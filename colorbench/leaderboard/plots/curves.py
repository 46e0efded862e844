"""Learning curves: mean over seeds with a band from the lowest to the highest seed."""

from pathlib import Path

import numpy as np

from colorbench.leaderboard.entries import Entry, Run, short_names
from colorbench.leaderboard.plots.style import COLORS, LINES, figure, in_lines, save, spread
from colorbench.leaderboard.tiers import Results
from colorbench.leaderboard.untrusted import is_number

_MOST_LINES = 8
_POINTS = 120


def plot_curves(results: Results, folder: Path) -> Path | None:
    """The training loss of the best entries, relative to its start."""
    board = results.board
    shown = [board.entries[k] for k in results.order() if board.entries[k].kind == "trained"]
    curves = {e.label: c for e in shown if (c := _loss_curves(e))}
    if not curves:
        return None
    made, ax = figure(7.6, 3.4)
    _lines(ax, dict(list(curves.items())[:_MOST_LINES]), short_names(board.entries))
    ax.set_ylabel("training loss, relative to its start")
    ax.set_xlabel("step")
    some = f"best {_MOST_LINES} of {len(shown)}; " if len(shown) > _MOST_LINES else ""
    ax.set_title(f"Learning curves ({some}line: mean over seeds, band: lowest to highest)")
    return save(made, folder, "curves")


def _lines(ax, curves: dict, names: dict[str, str]):
    ends = []
    names = {label: in_lines(names[label], 28) for label in curves}
    for k, (label, (x, values)) in enumerate(curves.items()):
        color, dash = COLORS[k % 8], LINES[k % 4]
        mean = values.mean(axis=0)
        ax.plot(x, mean, dash, color=color, lw=1.5)
        ax.fill_between(x, values.min(axis=0), values.max(axis=0), color=color, alpha=0.15, lw=0)
        ends.append((label, x[-1], mean[-1], color))
    low, high = ax.get_ylim()
    right = max(end[1] for end in ends)
    gap = 0.062 * (high - low) * max(1 + name.count("\n") for name in names.values())
    places = spread([end[2] for end in ends], gap)
    shift = max(0.0, low + gap / 2 - min(places)) - max(0.0, max(places) - high)
    for (label, x, y, color), place in zip(ends, places):
        line = {"arrowstyle": "-", "color": color, "lw": 0.5, "shrinkA": 0, "relpos": (0, 0.5)}
        ax.annotate(
            names[label], (x, y), (1.06, place + shift), xycoords="data", textcoords=("axes fraction", "data"),
            va="center", fontsize=7.5, color=color, annotation_clip=False, arrowprops=line,
        )  # fmt: skip
    ax.set_xlim(0, right)


def loss_lines(run: Run) -> list[dict]:
    """The lines of a run's curve that hold a training loss."""
    return [line for line in run.curve if is_number(line.get("loss"))]


def _loss_curves(entry: Entry):
    """Loss relative to its first values: losses of different expressions have no common unit."""
    runs = [loss_lines(run) for run in entry.runs]
    return _aligned(
        [([line["step"] for line in run], _smooth([line["loss"] for line in run])) for run in runs if len(run) > 1]
    )


def _smooth(values: list[float]) -> np.ndarray:
    loss = np.array(values, float)
    width = max(1, len(loss) // 40)
    padded = np.pad(loss, (width // 2, width - 1 - width // 2), mode="edge")
    loss = np.convolve(padded, np.ones(width) / width, mode="valid")
    return loss / loss[0] if loss[0] else loss


def _aligned(curves: list):
    """Seeds on one grid of steps, `(x, values (seeds, points))`; None without a curve."""
    if not curves:
        return None
    end = min(steps[-1] for steps, _ in curves)
    x = np.linspace(min(steps[0] for steps, _ in curves), end, _POINTS)
    return x, np.stack([np.interp(x, steps, values) for steps, values in curves])
