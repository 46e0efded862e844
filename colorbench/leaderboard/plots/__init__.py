"""Plots of a board as PNG and SVG. Each is a function `(results, folder, ...) -> path of the SVG, or None without data`."""

from pathlib import Path

from colorbench.leaderboard.plots.colors import plot_ab, plot_colorfulness
from colorbench.leaderboard.plots.curves import plot_curves
from colorbench.leaderboard.plots.factors import plot_factors, plot_heat_map
from colorbench.leaderboard.plots.intervals import plot_intervals, plot_metrics, plot_tiers
from colorbench.leaderboard.plots.modes import plot_modes
from colorbench.leaderboard.plots.pareto import plot_fronts
from colorbench.leaderboard.plots.pictures import plot_strips
from colorbench.leaderboard.plots.sizes import plot_sizes
from colorbench.leaderboard.plots.style import look
from colorbench.leaderboard.tiers import Results

__all__ = ["draw"]


def draw(
    results: Results, folder: Path, photos: list[str], *, pictures: bool = True, few: bool = False
) -> dict[str, Path]:
    """All plots the data allows, in reading order: caption -> SVG.

    Args:
        photos: ids that may be shown in strips.
        pictures: False leaves out what is drawn from the pictures themselves.
        few: only the two plots that are kept beside records, as PNG.
    """
    board = results.board
    with look():
        made = {
            f"{board.primary} with 95 % intervals": plot_intervals(results, board.primary, folder),
            "Quality against color and cost; line: the Pareto front": plot_fronts(results, folder),
        }
        if few:
            for path in made.values():
                if path is not None:
                    path.unlink()
            return {}
        made |= {
            "Rank tiers": plot_tiers(results, folder),
            "Every metric, sorted by the primary one": plot_metrics(results, folder),
            "Generator by loss": plot_heat_map(results, folder),
            "What moves the score": plot_factors(results, folder),
            "Quality against inference size": plot_sizes(results, folder),
            "Learning curves": plot_curves(results, folder),
            "Predicted colors of objects over the modes of their material": plot_modes(results, folder),
        }
        if pictures:
            made |= {
                "Colorfulness against the truth": plot_colorfulness(results, folder),
                "Colors used": plot_ab(results, folder),
                "Gray, each entry, photo; error maps below": plot_strips(results, folder, photos),
            }
    return {caption: path for caption, path in made.items() if path is not None}
