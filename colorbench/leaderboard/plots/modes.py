"""Predicted colors over the modes they could be drawn from: one row of panels per loss, one column per ambiguous material."""

from pathlib import Path

import numpy as np

from colorbench.leaderboard.ambiguity import FEWEST_PIXELS, NEAR, Ambiguity
from colorbench.leaderboard.entries import short_names
from colorbench.leaderboard.plots.style import COLORS, INK, SOFT, figure, in_lines, save
from colorbench.leaderboard.tiers import Results

_RANGE = 44
STEP = 2.0 * _RANGE + 8
"""From the middle of one panel to the next, in Lab units."""
_MOST_ROWS = 14
_MOST_POINTS = 250
_COLUMNS = 4


def plot_modes(results: Results, folder: Path) -> Path | None:
    """Each point is the mean predicted color of one object, rings are the true modes, a cross is the mixture's mean."""
    found = results.ambiguity
    if found is None:
        return None
    entries = _shown(found, [results.board.entries[k].label for k in results.order()])
    materials = _materials(found)
    if not entries or not materials:
        return None
    made, ax = figure(1.45 * len(materials) + 1.4, 1.32 * len(entries) + 0.4)
    names = short_names(results.board.entries)
    for row, entry in enumerate(entries):
        mine = found.of(entry)
        mine = mine[mine["pixels"] >= FEWEST_PIXELS]
        ax.text(-_RANGE - 6, -row * STEP, in_lines(names[entry.label], 18), fontsize=8, ha="right", va="center")
        for column, material in enumerate(materials):
            _panel(ax, (column * STEP, -row * STEP), found, mine[mine["material"] == material], material)
    for column, material in enumerate(materials):
        kind = found.truth.materials[material]
        weights = " / ".join(f"{100 * w:.0f}" for w in kind.mixture.weights)
        title = f"{kind.name} ({weights} %)"
        ax.text(column * STEP, _RANGE + 4, title, fontsize=8.5, fontweight="bold", ha="center", va="bottom")
    _key(ax, -(len(entries) - 1) * STEP - _RANGE - 4)
    ax.set(xlim=(-_RANGE - 2, (len(materials) - 0.5) * STEP), ylim=(-(len(entries) - 0.5) * STEP - 12, _RANGE + 14))
    ax.set_aspect("equal")
    ax.set_axis_off()
    return save(made, folder, "modes")


def _shown(found: Ambiguity, order: list[str]) -> list:
    by_label = {entry.label: entry for entry in found.entries}
    trained = [by_label[label] for label in order if label in by_label and by_label[label].kind != "baseline"]
    ends = [by_label[label] for label in ("bayes-mean", "bayes-sample") if label in by_label]
    return trained[: _MOST_ROWS - len(ends)] + ends


def _materials(found: Ambiguity) -> list[int]:
    """Materials of different kinds of mixtures: the first of each list of weights, in their order."""
    kinds: dict[tuple, int] = {}
    for place in found.ambiguous:
        kinds.setdefault(found.truth.mixtures[place].weights, place)
    return sorted(kinds.values())[:_COLUMNS]


def _panel(ax, at: tuple[float, float], found: Ambiguity, objects, material: int) -> None:
    """One material of one entry, its gray at the place `at`: all panels share one pair of axes, which is ten times faster."""
    from matplotlib.patches import Circle, Rectangle

    mixture = found.truth.mixtures[material]
    (x, y), place = at, np.array(at)
    ax.add_patch(Rectangle((x - _RANGE, y - _RANGE), 2 * _RANGE, 2 * _RANGE, facecolor="none", edgecolor=SOFT, lw=0.5))
    ax.plot([x - _RANGE, x + _RANGE], [y, y], color=SOFT, lw=0.5)
    ax.plot([x, x], [y - _RANGE, y + _RANGE], color=SOFT, lw=0.5)
    for mode, weight in zip(mixture.modes, mixture.weights):
        ring = Circle((x + mode[0], y + mode[1]), NEAR, facecolor=_color(mode), edgecolor=INK, lw=0.4 + 3 * weight)
        ring.set(alpha=0.85, zorder=1.5)
        ax.add_patch(ring)
    points = objects[["a", "b"]].to_numpy(float)[:_MOST_POINTS] + place
    ax.plot(points[:, 0], points[:, 1], "o", ms=2.6, color=COLORS[0], alpha=0.5, mew=0, zorder=3)
    ax.plot(*(place + mixture.mean), "x", color=INK, ms=6, mew=1.3, zorder=4)


def _key(ax, y: float) -> None:
    """The axes of a panel, in words, below the first one."""
    text = f"across: a* (green to red), up: b* (blue to yellow), both from -{_RANGE} to {_RANGE}; a cross is the mean"
    ax.text(-_RANGE, y, text, fontsize=7.5, color=SOFT, ha="left", va="top")


def _color(mode: tuple[float, float]) -> tuple[float, float, float]:
    import torch

    from colorbench.color import lab_to_rgb

    red, green, blue = lab_to_rgb(torch.tensor([72.0, *mode]).view(1, 3, 1, 1)).flatten().tolist()
    return red, green, blue
