"""Colorfulness and colors of the predictions beside those of the photos."""

from pathlib import Path

import numpy as np

from colorbench.leaderboard.entries import short_names
from colorbench.leaderboard.plots.pictures import colorfulness_of, lab_of, photo_names, prediction, truth
from colorbench.leaderboard.plots.style import COLORS, INK, SOFT, figure, in_lines, save
from colorbench.leaderboard.tiers import Results

_MOST_PHOTOS = 64
_PANELS = 5
_RANGE = 90


def plot_colorfulness(results: Results, folder: Path) -> Path | None:
    """Every test photo: colorfulness of the prediction against that of the truth, the best entries, and the ratio."""
    board = results.board
    names = photo_names(board)[:_MOST_PHOTOS]
    shown = _shown(results)
    if not names or not shown:
        return None
    true = np.array([_colorful(truth(board, name)) for name in names])
    made, axes = figure(7.6, 2.5 * -(-len(shown) // 3), -(-len(shown) // 3), 3, squeeze=False, sharex=True, sharey=True)
    titles = short_names(board.entries)
    for ax, entry in zip(axes.flat, shown):
        predicted = np.array([_colorful(prediction(entry, name)) for name in names])
        _scatter(ax, true, predicted, COLORS[0] if entry.kind == "trained" else SOFT)
        ax.set_title(in_lines(titles[entry.label], 27), fontsize=8)
    _tidy(axes, len(shown))
    made.supxlabel("colorfulness of the photo", size=9)
    made.supylabel("of the prediction", size=9)
    return save(made, folder, "colorfulness")


def _colorful(picture) -> float:
    return float("nan") if picture is None else colorfulness_of(picture)


def _scatter(ax, true, predicted, color: str):
    both = np.isfinite(true) & np.isfinite(predicted)
    top = float(np.nanmax(true)) * 1.08 + 1
    ax.plot([0, top], [0, top], color=INK, lw=0.8)
    ax.plot(true[both], predicted[both], "o", color=color, ms=3.4, mec="white", mew=0.3, alpha=0.9)
    if both.any():
        ratio = predicted[both].mean() / max(true[both].mean(), 1e-9)
        ax.text(0.04, 0.95, f"{100 * ratio:.0f} % of the truth", transform=ax.transAxes, va="top", fontsize=7.5)
    ax.set(xlim=(0, top), ylim=(0, top))
    ax.set_aspect("equal")


def _tidy(axes, used: int):
    for ax in list(axes.flat)[used:]:
        ax.set_axis_off()


def _shown(results: Results) -> list:
    """The best trained entries, one per generator first, then baselines, six in all."""
    entries = [results.board.entries[k] for k in results.order()]
    trained = [entry for entry in entries if entry.kind != "baseline"]
    first = {entry.recipe.generator: entry for entry in reversed(trained)}
    chosen = [entry for entry in trained if first[entry.recipe.generator] is entry]
    chosen += [entry for entry in trained if entry not in chosen]
    chosen = chosen[:_PANELS]
    return chosen + [entry for entry in entries if entry.label == "mean-ab"][: 6 - len(chosen)]


def plot_ab(results: Results, folder: Path) -> Path | None:
    """Where the colors lie: the ab histogram of the truth beside that of the best entries, on one logarithmic scale."""
    board = results.board
    names = photo_names(board)[:_MOST_PHOTOS]
    shown = _shown(results)[:_PANELS]
    if not names or not shown:
        return None
    sources = {"photos (truth)": [truth(board, name) for name in names]}
    titles = {"photos (truth)": "photos (truth)"} | short_names(board.entries)
    sources |= {entry.label: [prediction(entry, name) for name in names] for entry in shown}
    made, axes = figure(
        7.6, 2.55 * -(-len(sources) // 3), -(-len(sources) // 3), 3, squeeze=False, sharex=True, sharey=True
    )
    for ax, (label, pictures) in zip(axes.flat, sources.items()):
        image = _histogram(ax, [picture for picture in pictures if picture is not None])
        ax.set_title(in_lines(titles[label], 27), fontsize=8)
    _tidy(axes, len(sources))
    for ax in axes[-1]:
        ax.set_xlabel("a*  (green – red)")
    for ax in axes[:, 0]:
        ax.set_ylabel("b*  (blue – yellow)")
    made.colorbar(image, ax=axes, shrink=0.75, label="share of pixels", format="%.0e")
    return save(made, folder, "ab-histograms")


def _histogram(ax, pictures: list):
    from matplotlib.colors import LogNorm

    edges = np.linspace(-_RANGE, _RANGE, 61)
    total = np.zeros((60, 60))
    for picture in pictures:
        _, a, b = lab_of(picture)
        total += np.histogram2d(b.ravel(), a.ravel(), bins=(edges, edges))[0]
    share = np.ma.masked_equal(total / max(total.sum(), 1), 0)
    image = ax.pcolormesh(edges, edges, share, norm=LogNorm(1e-5, 1e-1), cmap="viridis_r", rasterized=True)
    ax.axhline(0, color=SOFT, lw=0.5)
    ax.axvline(0, color=SOFT, lw=0.5)
    ax.grid(visible=False)
    ax.set_aspect("equal")
    return image
