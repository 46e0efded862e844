"""One look for all plots: colours the colour-blind tell apart, marks that survive a gray printer, labels beside the data."""

from contextlib import contextmanager
from pathlib import Path

INK, SOFT, GRID, PAPER = "#1a1a1a", "#6b6b6b", "#e4e4e4", "#ffffff"
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F6000", "#000000")
"""Okabe, M. and Ito, K. (2008), Color Universal Design; the yellow darkened, it has no contrast on paper."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":")
_DPI = 200


@contextmanager
def look():
    """matplotlib's settings inside the block; nothing outside changes, and no display is needed."""
    import matplotlib
    import seaborn

    settings = {
        **seaborn.axes_style("whitegrid"), "font.family": ["DejaVu Sans"], "font.size": 9, "axes.titlesize": 10,
        "axes.labelsize": 9, "xtick.labelsize": 8.5, "ytick.labelsize": 8.5, "axes.edgecolor": SOFT, "axes.linewidth": 0.8,
        "grid.color": GRID, "grid.linewidth": 0.7, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK,
        "ytick.color": INK, "axes.titlelocation": "left", "axes.titleweight": "bold", "svg.hashsalt": "colorbench",
        "figure.facecolor": PAPER, "savefig.facecolor": PAPER, "axes.spines.top": False, "axes.spines.right": False,
        "image.interpolation": "nearest",
    }  # fmt: skip
    with matplotlib.rc_context(settings):
        yield


def figure(width: float, height: float, rows: int = 1, columns: int = 1, **more):
    """A figure without pyplot's memory, and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure((width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made, made.subplots(rows, columns, **more)


def save(made, folder: Path, name: str) -> Path:
    """`<name>.png` and `<name>.svg`, the same bytes for the same data. Returns the path of the SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    made.savefig(folder / f"{name}.png", dpi=_DPI, metadata={"Software": None})
    made.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
    return folder / f"{name}.svg"


def palette(names: list[str]) -> dict[str, str]:
    """A colour a name, in order; from the ninth on colours repeat, so pair them with `markers`."""
    return {name: COLORS[k % len(COLORS)] for k, name in enumerate(names)}


def markers(names: list[str]) -> dict[str, str]:
    return {name: MARKERS[k % len(MARKERS)] for k, name in enumerate(names)}


def shorten(text: str, most: int = 34) -> str:
    """Text that fits beside a mark; `$` is escaped so that matplotlib does not read mathematics in a label.

    >>> shorten("a" * 40, 5)
    'aaaa…'
    """
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return cut.replace("\\", "/").replace("$", r"\$")


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


def label_points(ax, xs, ys, texts, colors, fontsize: float = 7.5):
    """Names beside their points: the first of some positions around each where nothing lies yet, else left out."""
    made = ax.figure
    made.canvas.draw()
    renderer = made.canvas.get_renderer()
    taken = [_box(*ax.transData.transform((x, y)), 9) for x, y in zip(xs, ys)]
    frame = ax.get_window_extent(renderer)
    for x, y, text, color in zip(xs, ys, texts, colors):
        for dx, dy, ha, va in _AROUND:
            note = ax.annotate(
                text, (x, y), (dx, dy), textcoords="offset points", ha=ha, va=va, fontsize=fontsize, color=color,
                arrowprops=dict(arrowstyle="-", color=SOFT, lw=0.5, shrinkB=3) if max(abs(dx), abs(dy)) > 10 else None,
            )  # fmt: skip
            note.set_in_layout(False)
            box = note.get_window_extent(renderer).expanded(1.02, 1.1)
            inside = frame.x0 <= box.x0 and box.x1 <= made.bbox.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            note.remove()


_AROUND = [
    (6, 0, "left", "center"), (-6, 0, "right", "center"), (0, 6, "center", "bottom"), (0, -6, "center", "top"),
    (5, 5, "left", "bottom"), (-5, 5, "right", "bottom"), (5, -5, "left", "top"), (-5, -5, "right", "top"),
    (14, 14, "left", "bottom"), (-14, 14, "right", "bottom"), (14, -14, "left", "top"), (-14, -14, "right", "top"),
    (0, 22, "center", "bottom"), (0, -22, "center", "top"), (24, 24, "left", "bottom"), (-24, -24, "right", "top"),
    (30, 0, "left", "center"), (-30, 0, "right", "center"), (24, -24, "left", "top"), (-24, 24, "right", "bottom"),
]  # fmt: skip


def _box(x: float, y: float, size: float):
    from matplotlib.transforms import Bbox

    return Bbox.from_bounds(x - size / 2, y - size / 2, size, size)
