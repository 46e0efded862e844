"""Learning curves: mean over seeds with a band from the lowest to the highest seed."""

from pathlib import Path

import numpy as np

from colorbench.leaderboard.entries import Entry, Run, short_names
from colorbench.leaderboard.plots.style import COLORS, LINES, figure, save, spread
from colorbench.leaderboard.table import heading
from colorbench.leaderboard.tiers import Results
from colorbench.leaderboard.untrusted import is_number

_MOST_LINES = 8
_POINTS = 120


def plot_curves(results: Results, folder: Path) -> Path | None:
    """The training loss, and the primary metric during training where it was evaluated, of the best entries."""
    board = results.board
    shown = [board.entries[k] for k in results.order() if board.entries[k].kind == "trained"]
    curves = {e.label: c for e in shown if (c := _loss_curves(e))}
    held = {e.label: c for e in shown if (c := _metric_curves(e, board.primary))}
    panels = [
        ("training loss, of its value at the start", curves),
        (heading(board, board.primary) + ", during training", held),
    ]
    panels = [(name, dict(list(lines.items())[:_MOST_LINES])) for name, lines in panels if lines]
    if not panels:
        return None
    made, axes = figure(7.6, 3.4 * len(panels), len(panels), 1, squeeze=False)
    styles = {label: k for k, label in enumerate(dict.fromkeys(label for _, lines in panels for label in lines))}
    for ax, (name, lines) in zip(axes.flat, panels):
        _panel(ax, lines, styles, short_names(board.entries, 28))
        ax.set_ylabel(name)
    axes.flat[-1].set_xlabel("step")
    some = f"best {_MOST_LINES} of {len(shown)}; " if len(shown) > _MOST_LINES else ""
    axes.flat[0].set_title(f"Learning curves ({some}line: mean over seeds, band: lowest to highest)")
    return save(made, folder, "curves")


def _panel(ax, lines: dict, styles: dict[str, int], names: dict[str, str]):
    ends = []
    for label, (x, values) in lines.items():
        color, dash = COLORS[styles[label] % 8], LINES[styles[label] % 4]
        mean = values.mean(axis=0)
        ax.plot(x, mean, dash, color=color, lw=1.5)
        ax.fill_between(x, values.min(axis=0), values.max(axis=0), color=color, alpha=0.15, lw=0)
        ends.append((label, x[-1], mean[-1], color))
    low, high = ax.get_ylim()
    right = max(end[1] for end in ends)
    gap = 0.062 * (high - low)
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


def _metric_curves(entry: Entry, metric: str):
    runs = [[line for line in run.curve if is_number((line.get("eval") or {}).get(metric))] for run in entry.runs]
    return _aligned(
        [([line["step"] for line in run], [line["eval"][metric] for line in run]) for run in runs if len(run) > 1]
    )


def _aligned(curves: list):
    """Seeds on one grid of steps, `(x, values (seeds, points))`; None without a curve."""
    if not curves:
        return None
    end = min(steps[-1] for steps, _ in curves)
    x = np.linspace(min(steps[0] for steps, _ in curves), end, _POINTS)
    return x, np.stack([np.interp(x, steps, values) for steps, values in curves])
