"""One look for all plots: colors that the color-blind tell apart, labels beside the data."""

import io
import re
import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from colorbench.files import slug, write_atomically

INK, SOFT, GRID, PAPER = "#1a1a1a", "#6b6b6b", "#e4e4e4", "#ffffff"
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F6000", "#000000")
"""Okabe, M. and Ito, K. (2008), Color Universal Design; the yellow is darkened, which has no contrast on paper."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":")
_DPI = 200


@contextmanager
def look():
    """matplotlib's settings inside the block; nothing outside changes, and no display is needed.

    `$` in a label is printed as it is: text of a record is never read as mathematics.
    """
    import matplotlib
    import seaborn

    settings: dict[Any, Any] = {
        **seaborn.axes_style("whitegrid"), "font.family": ["DejaVu Sans"], "font.size": 9, "axes.titlesize": 10,
        "axes.labelsize": 9, "xtick.labelsize": 8.5, "ytick.labelsize": 8.5, "axes.edgecolor": SOFT, "axes.linewidth": 0.8,
        "grid.color": GRID, "grid.linewidth": 0.7, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK,
        "ytick.color": INK, "axes.titlelocation": "left", "axes.titleweight": "bold", "svg.hashsalt": "colorbench",
        "figure.facecolor": PAPER, "savefig.facecolor": PAPER, "axes.spines.top": False, "axes.spines.right": False,
        "image.interpolation": "nearest", "text.parse_math": False,
    }  # fmt: skip
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Glyph .* missing"
        )  # a letter of a name that the font lacks is drawn as a box
        yield


def figure(width: float, height: float, rows: int = 1, columns: int = 1, **more) -> tuple[Any, Any]:
    """A figure that pyplot does not keep, and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure((width, height), layout="constrained", dpi=_DPI)  # at another one, letters have other widths
    FigureCanvasAgg(made)
    return made, made.subplots(rows, columns, **more)


def save(made, folder: Path, name: str) -> Path:
    """`<name>.png` and `<name>.svg`, the same bytes for the same data. Returns the path of the SVG."""
    name, png, svg = slug(name), io.BytesIO(), io.BytesIO()
    made.draw_without_rendering()
    made.set_layout_engine(None)  # worked out once is enough; with an engine, each file would be drawn twice
    made.savefig(png, format="png", dpi=_DPI, metadata={"Software": None})
    made.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    for kind, file in (("png", png), ("svg", svg)):
        write_atomically(folder / f"{name}.{kind}", file.getvalue(), durable=False)
    return folder / f"{name}.svg"


def in_lines(text: str, width: int) -> str:
    """The whole text in as few lines of at most `width` letters as possible, of similar length; nothing is left out.

    A line ends after a plus, a hyphen or a space; within a word only if the word is longer than a line.

    >>> in_lines("tri-stream+100xl1+patchgan-width-16", 34).split("\\n")
    ['tri-stream+100xl1+', 'patchgan-width-16']
    """
    longest_word = max(map(len, re.findall(r"[^+ -]*[+ -]?", text)))
    fewest = _lines(text, width)
    tries = (_lines(text, narrow) for narrow in range(min(longest_word, width), width + 1))
    return "\n".join(next((lines for lines in tries if len(lines) == len(fewest)), fewest))


def _lines(text: str, width: int) -> list[str]:
    found = re.findall(rf".{{1,{width}}}(?:(?<=[+ -])|$)|.{{{width}}}", text)
    return [line.strip() for line in found]


def rows_inches(names: list[str], row: float) -> float:
    """The height of one row per name, `row` inches where all names have one line."""
    return len(names) * row * max(1.0, 0.65 * (1 + max(name.count("\n") for name in names)))


def spread(positions: list[float], gap: float) -> list[float]:
    """Positions moved apart to at least `gap`, as little as possible: for labels in one column.

    >>> [round(x, 3) for x in spread([0.0, 0.1, 5.0], 1.0)]
    [-0.45, 0.55, 5.0]
    """
    blocks: list[list] = []  # [sum of (position - its offset), indices]
    for k in sorted(range(len(positions)), key=positions.__getitem__):
        blocks.append([positions[k], [k]])
        while len(blocks) > 1 and _start(blocks[-2], gap) + len(blocks[-2][1]) * gap > _start(blocks[-1], gap):
            total, members = blocks.pop()
            blocks[-1][0] += total - gap * len(blocks[-1][1]) * len(members)
            blocks[-1][1] = blocks[-1][1] + members
    moved = [0.0] * len(positions)
    for block in blocks:
        for place, k in enumerate(block[1]):
            moved[k] = _start(block, gap) + place * gap
    return moved


def _start(block: list, gap: float) -> float:
    return block[0] / len(block[1])


def label_points(ax, points: list[tuple[float, float, str]], lines: Sequence[tuple] = ()):
    """Write names beside their points, at the first free place around each; leave out a name without a free place.

    Draw the figure before: places are looked for in its layout.

    Args:
        points: `(x, y, text)` in data units.
        lines: `((x0, y0), (x1, y1))` in data units, horizontal or vertical; kept free, too.
    """
    from matplotlib.patheffects import withStroke

    made = ax.figure
    renderer = made.canvas.get_renderer()
    places = ax.transData.transform([(x, y) for x, y, _ in points]) if points else []
    taken = [_box(x, y, 0.09 * made.dpi) for x, y in places]
    taken += [_stretch(ax.transData.transform(ends)) for ends in lines]
    frame = ax.get_window_extent(renderer)
    for (x, y, text), (px, py) in zip(points, places):
        if not text:
            continue
        note = ax.annotate(
            text, (x, y), (0, 0), textcoords="offset points", fontsize=7, color=INK, zorder=6,
            path_effects=[withStroke(linewidth=2, foreground=PAPER)],
        )  # fmt: skip
        note.set_in_layout(False)
        size = note.get_window_extent(renderer).size  # measured once: laying out a text is what takes time
        for dx, dy, ha, va in _AROUND:
            box = _beside(px + dx * made.dpi / 72, py + dy * made.dpi / 72, size, ha, va)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box.padded(0.025 * made.dpi))
                note.set(position=(dx, dy), ha=ha, va=va)
                break
        else:
            note.remove()


_AROUND = [
    (sx * r, sy * r * 0.6, "left" if sx > 0 else "right", "bottom" if sy > 0 else "top" if sy < 0 else "center")
    for r in (5, 10)
    for sx, sy in ((1, 1), (1, -1), (1, 0), (-1, 0), (-1, 1), (-1, -1))
]


def _stretch(ends):
    from matplotlib.transforms import Bbox

    (x0, y0), (x1, y1) = ends
    return Bbox.from_extents(min(x0, x1) - 1, min(y0, y1) - 1, max(x0, x1) + 1, max(y0, y1) + 1)


def _beside(x: float, y: float, size, ha: str, va: str):
    """The box of a text of this size whose corner or edge stands at a place."""
    from matplotlib.transforms import Bbox

    left = x if ha == "left" else x - size[0]
    bottom = {"bottom": y, "top": y - size[1], "center": y - size[1] / 2}[va]
    return Bbox.from_bounds(left, bottom, *size)


def _box(x: float, y: float, size: float):
    from matplotlib.transforms import Bbox

    return Bbox.from_bounds(x - size / 2, y - size / 2, size, size)
