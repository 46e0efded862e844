"""A against B photo by photo, and board against board entry by entry."""

from pathlib import Path

import numpy as np

from colorbench.leaderboard.comparison import Difference
from colorbench.leaderboard.plots.style import (
    COLORS,
    INK,
    SOFT,
    figure,
    in_lines,
    label_points,
    look,
    rows_inches,
    save,
)
from colorbench.leaderboard.table import arrow
from colorbench.leaderboard.tiers import ALPHA

_NAMED = 6


def plot_differences(one: Difference, folder: Path) -> Path:
    """Left: each photo's value under A and B. Right: the differences in order, with their mean and its interval."""
    with look():
        made, (left, right) = figure(9.6, 4.0, 1, 2)
        a, b = one.values
        both = np.concatenate([a, b])
        ends = (float(both.min()), float(both.max()))
        left.plot(ends, ends, color=INK, lw=0.8)
        left.plot(a, b, "o", color=COLORS[0], ms=4, mec="white", mew=0.4, alpha=0.9)
        head = f"{one.metric} {arrow(one.higher_is_better)} of"
        left.set(xlabel=in_lines(f"{head} A: {one.names[0]}", 60), ylabel=in_lines(f"{head} B: {one.names[1]}", 60))
        left.set_title("Each photo; line: equal")
        gaps = np.sort(a - b)
        right.bar(range(len(gaps)), gaps, width=1.0, color=COLORS[0], alpha=0.75, lw=0)
        right.axhline(0, color=INK, lw=0.8)
        right.axhline(one.difference, color=COLORS[1], lw=1.4)
        if np.isfinite(one.half):
            right.axhspan(one.difference - one.half, one.difference + one.half, color=COLORS[1], alpha=0.2, lw=0)
        right.set(xlabel="photos, by difference", ylabel="A - B")
        right.set_title("Differences; band: 95 % interval of the mean")
        named = [(x, y, name) for name, x, y in one.most_different(_NAMED)]
        made.canvas.draw()
        label_points(left, named)
        return save(made, folder, "differences")


def plot_boards(pairs: list[tuple[str, Difference, float]], folder: Path) -> Path:
    """The difference of every entry that both boards have, with its 95 % interval."""
    with look():
        names = [in_lines(label, 40) for label, _, _ in pairs]
        made, ax = figure(7.2, 1.1 + rows_inches(names, 0.27))
        for y, (_, one, p) in enumerate(pairs):
            half = one.half if np.isfinite(one.half) else None
            face = COLORS[0] if p < ALPHA else "white"
            ax.errorbar(one.difference, y, xerr=half, fmt="o", color=COLORS[0], mfc=face, ms=5, lw=1.6, capsize=2.5)
        ax.axvline(0, color=SOFT, lw=0.8)
        ax.set_yticks(range(len(pairs)), names)
        ax.set_ylim(len(pairs) - 0.4, -0.6)
        ax.set_xlabel(f"{pairs[0][1].metric}: A - B with 95 % interval; filled: told apart (Holm)")
        return save(made, folder, "boards")
