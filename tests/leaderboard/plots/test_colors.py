"""Points are the colorfulness of photo and prediction; histograms hold every pixel."""

import numpy as np
import pytest

from colorbench.leaderboard.plots.colors import plot_ab, plot_colorfulness
from colorbench.leaderboard.plots.pictures import photo_names, prediction, truth


def hasler(picture) -> float:
    """M3 of Hasler and Suesstrunk 2003."""
    r, g, b = picture.astype(float).transpose(2, 0, 1)
    rg, yb = r - g, (r + g) / 2 - b
    return np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())


def test_points_are_photo_and_prediction(results, draw):
    ax = draw(plot_colorfulness, results).axes[0]
    entry = next(results.board.entries[k] for k in results.order() if results.board.entries[k].kind == "trained")
    names = photo_names(results.board)
    wanted = [(hasler(truth(results.board, name)), hasler(prediction(entry, name))) for name in names]
    np.testing.assert_allclose(ax.lines[1].get_xydata(), wanted, rtol=1e-3)
    ratio = np.mean([made for _, made in wanted]) / np.mean([true for true, _ in wanted])
    assert ax.texts[0].get_text() == f"{100 * ratio:.0f} % of the truth"


def test_histograms_are_shares_of_all_pixels(results, draw):
    axes = draw(plot_ab, results).axes
    for ax in axes[:2]:
        assert ax.collections[0].get_array().sum() == pytest.approx(1)
    assert axes[0].get_title(loc="left") == "photos (truth)"
