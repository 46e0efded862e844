"""Pictures: gray | each entry | truth, and below each prediction where it is wrong."""

from pathlib import Path

import numpy as np

from colorbench.leaderboard.entries import Board, Entry
from colorbench.leaderboard.plots.pictures import delta_e_of, gray_of, photo_names, prediction, reduced, truth
from colorbench.leaderboard.plots.style import save, short_names
from colorbench.leaderboard.table import Standings

_MOST_ENTRIES = 6
_MOST_ERROR = 60.0


def strip_photos(board: Board, chosen: list[str] | None, most: int) -> list[str]:
    """The photos that may be shown: `chosen` ids (an empty list shows none), else `most` that no score picked."""
    names = photo_names(board)
    if chosen is None:
        return names[:most]
    if unknown := sorted(set(chosen) - set(names)):
        raise ValueError(f"no reference photo called {', '.join(unknown)}; there are {', '.join(names[:8])} ...")
    return [name for name in chosen if name in names]


def plot_strips(results: Standings, folder: Path, photos: list[str]) -> Path | None:
    """One row of pictures a photo, a row of error maps below it (CIE76, black 0, white 60 and above)."""
    entries = strip_entries(results)
    if not photos or not entries:
        return None
    rows = [_row(results.board, entries, name) for name in photos]
    made, axes, scale = _grid([row[-1].shape[0] / row[-1].shape[1] for row in rows], len(entries) + 2)
    for ax in axes.flat:
        ax.set_axis_off()
    for k, row in enumerate(rows):
        image = _draw(axes[2 * k], axes[2 * k + 1], row)
    names = short_names(results.board.entries, 40)
    for ax, title in zip(axes[0], ["gray", *[names[e.label] for e in entries], "photo"]):
        ax.set_title(_wrapped(title), fontsize=7, loc="center", weight="normal")
    made.colorbar(image, cax=scale, label="colour error (CIE76)")
    return save(made, folder, "strips")


def _grid(ratios: list[float], columns: int):
    """Cells 1.35 inches wide, two rows of each photo's height, and an axis for the scale; placed by arithmetic."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cell, gap, head, side = 1.35, 0.04, 0.5, 0.75
    heights = [cell * ratio for ratio in ratios for _ in range(2)]
    width = columns * (cell + gap) + side
    height = sum(heights) + gap * len(heights) + head
    made = Figure((width, height))
    FigureCanvasAgg(made)
    axes, top = [], height - head
    for tall in heights:
        places = [
            (k * (cell + gap) / width, (top - tall) / height, cell / width, tall / height) for k in range(columns)
        ]
        axes.append([made.add_axes(place) for place in places])
        top -= tall + gap
    scale = made.add_axes(
        (
            1 - side / width + 0.06 / width,
            (height - head - min(2.2, sum(heights))) / height,
            0.12 / width,
            min(2.2, sum(heights)) / height,
        )
    )
    return made, np.array(axes), scale


def strip_entries(results: Standings) -> list[Entry]:
    """The best entries that kept their pictures, in the table's order."""
    entries = [results.board.entries[k] for k in results.order()]
    names = photo_names(results.board)[:1]
    kept = [e for e in entries if e.kind != "baseline" and names and prediction(e, names[0]) is not None]
    return kept[:_MOST_ENTRIES]


def _row(board: Board, entries: list[Entry], name: str) -> list:
    true = truth(board, name)
    return [gray_of(true), *[prediction(entry, name) for entry in entries], true]


def _draw(upper, lower, row: list):
    true = row[-1]
    for ax, picture in zip(upper, row):
        if picture is not None:
            ax.imshow(reduced(picture))
    for ax, picture in zip(lower[:-1], row[:-1]):
        if picture is not None and picture.shape == true.shape:
            image = ax.imshow(delta_e_of(picture, true), cmap="magma", vmin=0, vmax=_MOST_ERROR)
    return image


def _wrapped(text: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text.replace("+", " + "), 17, break_long_words=True)[:3])
