"""The pictures of a run folder, and strips of them: gray | each entry | photo, below each where it is wrong.

True photos and predictions are read by id through the package's one decoder.
"""

import re
from collections import Counter
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from colorbench.files import PREDICTIONS, REFERENCES, bytes_sha256
from colorbench.leaderboard.entries import Board, Entry, Run, short_names
from colorbench.leaderboard.pareto import truth_colorfulness
from colorbench.leaderboard.plots.style import in_lines, save
from colorbench.leaderboard.tiers import Results
from colorbench.leaderboard.untrusted import plain_file
from colorbench.photo import PhotoError, decode_photo

MOST_SIDE = 512
_MOST_ENTRIES = 6
_MOST_ERROR = 60.0


def photo_names(board: Board) -> list[str]:
    """Ids of the true photos, in an order independent of scores (by the hash of the id)."""
    folder = board.folder / REFERENCES
    if folder.is_symlink() or not folder.is_dir():
        return []
    names = [path.stem for path in folder.glob("*.png") if not path.is_symlink()]
    names.sort(key=lambda name: bytes_sha256(name.encode()))
    seen: Counter = Counter()  # one tile of every photo before a second of any
    turns = {name: seen.update([photo]) or seen[photo] for name in names for photo in [re.sub(r"-t\d+$", "", name)]}
    return sorted(names, key=turns.__getitem__)


def truth(board: Board, name: str) -> UInt8[np.ndarray, "h w 3"]:
    """The true photo. Raises ValueError, which names the file and the cure, when it is damaged."""
    path = board.folder / REFERENCES / f"{name}.png"
    try:
        return decode_photo(path)
    except PhotoError as error:
        raise ValueError(
            f"{REFERENCES}/{path.name} is damaged ({error}): delete it, and the same `colorbench run` writes it again"
        ) from None


def prediction(entry: Entry, name: str) -> UInt8[np.ndarray, "h w 3"] | None:
    """The picture of the entry's first seed that has one."""
    pictures = (run_prediction(run, name) for run in entry.runs)
    return next((picture for picture in pictures if picture is not None), None)


def run_prediction(run: Run, name: str) -> UInt8[np.ndarray, "h w 3"] | None:
    """The picture of one run; None where it was not kept or cannot be read."""
    path = run.folder / PREDICTIONS / f"{name}.png"
    if not plain_file(path):
        return None
    try:
        return decode_photo(path)
    except PhotoError:
        return None


def lab_of(picture: UInt8[np.ndarray, "h w 3"]):
    """CIE Lab of one uint8 picture, `(3, h, w)`."""
    from colorbench.color import rgb_to_lab

    return rgb_to_lab(as_tensor(picture))[0].numpy()


def as_tensor(picture: UInt8[np.ndarray, "h w 3"]):
    """One picture as the package's functions take it: uint8 `(1, 3, h, w)`."""
    import torch

    return torch.from_numpy(picture.transpose(2, 0, 1).copy())[None]


def gray_of(picture: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """What a generator is given: the photo's lightness."""
    import torch

    from colorbench.color import lab_to_rgb

    lab = torch.from_numpy(lab_of(picture))[None]
    lab[:, 1:] = 0
    rgb = lab_to_rgb(lab)[0].clamp(0, 1).numpy().transpose(1, 2, 0)
    return np.rint(rgb * 255).astype(np.uint8)


def delta_e_of(pred: UInt8[np.ndarray, "h w 3"], target: UInt8[np.ndarray, "h w 3"]):
    """CIE76 color difference of every pixel, `(h, w)`."""
    return np.sqrt(((lab_of(pred) - lab_of(target)) ** 2).sum(axis=0))


def colorfulness_of(picture: UInt8[np.ndarray, "h w 3"]) -> float:
    """Hasler and Suesstrunk's M3 of one uint8 picture, by the package's metric."""
    from colorbench.metrics import colorfulness

    return float(colorfulness(as_tensor(picture))[0])


def reduced(picture: np.ndarray, most: int = MOST_SIDE) -> np.ndarray:
    """A picture no larger than `most` on its long side, for strips and pages."""
    from PIL import Image

    side = max(picture.shape[:2])
    if side <= most:
        return picture
    height, width = (max(1, round(n * most / side)) for n in picture.shape[:2])
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


def strip_photos(board: Board, chosen: list[str] | None, most: int) -> list[str]:
    """The photos that may be shown: `chosen` ids (an empty list shows none), else `most`, chosen independently of scores."""
    names = photo_names(board)
    if chosen is None:
        return names[:most]
    if unknown := sorted(set(chosen) - set(names)):
        raise ValueError(f"no reference photo called {', '.join(unknown)}; there are {', '.join(names[:8])} ...")
    return [name for name in chosen if name in names]


def plot_strips(results: Results, folder: Path, photos: list[str]) -> Path | None:
    """One row of pictures per photo, a row of error maps below it (CIE76, black 0, white 60 and above)."""
    entries = strip_entries(results)
    if not photos or not entries:
        return None
    rows = [_row(results.board, entries, name) for name in photos]
    names = short_names(results.board.entries)
    titles = [in_lines(title, 17) for title in ("gray", *(names[e.label] for e in entries), "photo")]
    head = 0.14 + 0.12 * max(1 + title.count("\n") for title in titles)
    made, axes, scale = _grid([row[-1].shape[0] / row[-1].shape[1] for row in rows], len(titles), head)
    for ax in axes.flat:
        ax.set_axis_off()
    for k, row in enumerate(rows):
        image = _draw(axes[2 * k], axes[2 * k + 1], row)
    for ax, title in zip(axes[0], titles):
        ax.set_title(title, fontsize=7, loc="center", weight="normal")
    made.colorbar(image, cax=scale, label="color error (CIE76)")
    return save(made, folder, "strips")


def _grid(ratios: list[float], columns: int, head: float):
    """Cells 1.35 inches wide, two rows of each photo's height below `head` inches of titles, and an axis for the scale."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cell, gap, side = 1.35, 0.04, 0.75
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


def strip_entries(results: Results) -> list[Entry]:
    """Entries that differ, in the table's order: the first and the last of the ranking, the most and the least colorful, the
    one whose colorfulness is nearest to the photos', and then the best of those left. Only entries that kept their pictures.
    """
    names = photo_names(results.board)[:1]
    entries = results.board.entries
    kept = [
        k
        for k in results.order()
        if entries[k].kind != "baseline" and names and prediction(entries[k], names[0]) is not None
    ]
    chosen = dict.fromkeys([*kept[:1], *kept[-1:], *_by_color(results, kept), *kept])
    return [entries[k] for k in kept if k in list(chosen)[:_MOST_ENTRIES]]


def _by_color(results: Results, kept: list[int]) -> list[int]:
    """The most colorful, the least colorful, and the one nearest to the photos; fewer where that is not known."""
    color = results.full.get("colorfulness")
    known = [k for k in kept if color is not None and np.isfinite(color.mean[k])]
    if color is None or not known:
        return []
    mean, true = color.mean, truth_colorfulness(results.board)
    ends = [max(known, key=mean.__getitem__), min(known, key=mean.__getitem__)]
    return ends if true is None else [*ends, min(known, key=lambda k: abs(mean[k] - true))]


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
