"""Quality against the side at which a generator sees the photos: of a board made by `retest --sizes`."""

from pathlib import Path

import numpy as np

from colorbench.cell import sized_name
from colorbench.leaderboard.entries import Entry
from colorbench.leaderboard.plots.style import COLORS, LINES, figure, in_lines, save
from colorbench.leaderboard.table import heading
from colorbench.leaderboard.tiers import Results

_MOST_LINES = 8


def plot_sizes(results: Results, folder: Path) -> Path | None:
    """The primary metric of each generator at each size with its 95 % interval; None unless one was tested at two sizes."""
    board, result = results.board, results.primary
    lines: dict[str, list[tuple[int, int]]] = {}
    for k in results.order():
        size = board.entries[k].recipe.size_px
        base = _trained_name(board.entries[k])
        if base and size and np.isfinite(result.mean[k]):
            lines.setdefault(base, []).append((size, k))
    lines = {base: sorted(points) for base, points in lines.items() if len(points) > 1}
    if not lines:
        return None
    made, ax = figure(7.6, 3.4)
    for place, (base, points) in enumerate(list(lines.items())[:_MOST_LINES]):
        places = [k for _, k in points]
        half = np.nan_to_num(result.half[places])
        ax.errorbar(
            [size for size, _ in points], result.mean[places], yerr=half, fmt="o" + LINES[place % 4], ms=4, lw=1.5,
            capsize=2.5, color=COLORS[place % 8], label=in_lines(base, 28),
        )  # fmt: skip
    sizes = sorted({size for points in lines.values() for size, _ in points})
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, map(str, sizes))
    ax.minorticks_off()
    ax.set_xlabel("side at which the generator sees the photo (px)")
    ax.set_ylabel(heading(board, board.primary))
    some = f" (best {_MOST_LINES} of {len(lines)})" if len(lines) > _MOST_LINES else ""
    ax.set_title("Quality against inference size" + some)
    ax.legend(fontsize=7.5, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return save(made, folder, "sizes")


def _trained_name(entry: Entry) -> str | None:
    """The name under which the generator was trained; None where it saw the photos as it was trained to."""
    size = entry.recipe.size_px
    end = sized_name("", size) if size else ""
    if not end or not entry.label.endswith(end) or entry.runs[0].record.cell.retest_of is None:
        return None
    return entry.label.removesuffix(end)
