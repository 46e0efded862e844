"""Predicted colors over the modes they could be drawn from: one row of panels per loss, one column per telling material."""

from pathlib import Path

import numpy as np

from colorbench.leaderboard.ambiguity import FEWEST_PIXELS, NEAR, Ambiguity
from colorbench.leaderboard.plots.style import COLORS, INK, SOFT, figure, save
from colorbench.leaderboard.tiers import Results

_RANGE = 44
_MOST_ROWS = 14
_MOST_POINTS = 250
_COLUMNS = 4


def plot_modes(results: Results, folder: Path) -> Path | None:
    """Each point is the mean predicted color of one object, rings are the true modes, a cross is the mixture's mean."""
    found = results.ambiguity
    if found is None:
        return None
    entries = _shown(found, [results.board.entries[k].label for k in results.order()])
    materials = _telling(found)
    if not entries or not materials:
        return None
    names = _names(entries)
    rows, columns = len(entries), len(materials)
    made, axes = figure(1.45 * columns + 1.3, 1.32 * rows + 0.5, rows, columns, squeeze=False, sharex=True, sharey=True)
    for line, entry in zip(axes, entries):
        mine = found.of(entry)
        mine = mine[mine["pixels"] >= FEWEST_PIXELS]
        for ax, material in zip(line, materials):
            _panel(ax, found, mine[mine["material"] == material], material)
        line[0].set_ylabel(_in_lines(names[entry.label]), fontsize=8, rotation=0, ha="right", va="center")
    for ax, material in zip(axes[0], materials):
        kind = found.truth.materials[material]
        weights = " / ".join(f"{100 * w:.0f}" for w in kind.mixture.weights)
        ax.set_title(f"{kind.name} ({weights} %)", fontsize=8.5)
    for ax in axes[-1]:
        ax.set_xlabel("a*", fontsize=8)
    return save(made, folder, "modes")


def _shown(found: Ambiguity, order: list[str]) -> list:
    by_label = {entry.label: entry for entry in found.entries}
    trained = [by_label[label] for label in order if label in by_label and by_label[label].kind != "baseline"]
    ends = [by_label[label] for label in ("bayes-mean", "bayes-sample") if label in by_label]
    return trained[: _MOST_ROWS - len(ends)] + ends


def _telling(found: Ambiguity) -> list[int]:
    """Materials of different kinds of mixtures: the first of each list of weights, most telling first."""
    kinds: dict[tuple, int] = {}
    for place in found.telling:
        kinds.setdefault(found.truth.mixtures[place].weights, place)
    return sorted(kinds.values())[:_COLUMNS]


def _panel(ax, found: Ambiguity, objects, material: int) -> None:
    mixture = found.truth.mixtures[material]
    for mode, weight in zip(mixture.modes, mixture.weights):
        _ring(ax, mode, weight)
    ax.plot(*mixture.mean, "x", color=INK, ms=6, mew=1.3, zorder=4)
    points = objects[["a", "b"]].to_numpy(float)
    points = (
        points[np.linspace(0, len(points) - 1, min(len(points), _MOST_POINTS)).astype(int)] if len(points) else points
    )
    ax.plot(points[:, 0], points[:, 1], "o", ms=2.6, color=COLORS[0], alpha=0.5, mew=0, zorder=3)
    ax.axhline(0, color=SOFT, lw=0.5)
    ax.axvline(0, color=SOFT, lw=0.5)
    ax.grid(visible=False)
    ax.set(xlim=(-_RANGE, _RANGE), ylim=(-_RANGE, _RANGE), xticks=(-30, 0, 30), yticks=(-30, 0, 30))
    ax.tick_params(labelsize=7)
    ax.set_aspect("equal")


def _ring(ax, mode: tuple[float, float], weight: float) -> None:
    """A circle of NEAR around a mode, filled with its color, its edge as strong as its weight."""
    from matplotlib.patches import Circle

    ax.add_patch(Circle(mode, NEAR, facecolor=_color(mode), edgecolor=INK, lw=0.4 + 3 * weight, alpha=0.85, zorder=1))


def _color(mode: tuple[float, float]) -> tuple[float, float, float]:
    import torch

    from colorbench.color import lab_to_rgb

    red, green, blue = lab_to_rgb(torch.tensor([72.0, *mode]).view(1, 3, 1, 1)).flatten().tolist()
    return red, green, blue


def _names(entries: list) -> dict[str, str]:
    """The loss alone where most entries share their generator."""
    from collections import Counter

    common = Counter(entry.recipe.generator for entry in entries if entry.kind != "baseline").most_common(1)
    shared = common[0][0] if common and common[0][1] > 1 else ""
    return {entry.label: entry.label.removeprefix(f"{shared}+") if shared else entry.label for entry in entries}


def _in_lines(name: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(name, 16, break_long_words=True)[:4])
