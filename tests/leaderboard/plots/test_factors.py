"""The heat map holds every mean at its generator and loss; bars are the shares of the variation."""

from pathlib import Path

import numpy as np
import pytest

from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.factors import SOURCES, factors
from colorbench.leaderboard.plots.factors import plot_factors, plot_heat_map
from colorbench.leaderboard.tiers import rank_board


def test_each_cell_is_its_mean_and_the_best_loss_is_bold(results, draw):
    ax = draw(plot_heat_map, results).axes[0]
    losses = [text.get_text() for text in ax.get_yticklabels()]
    generators = [text.get_text() for text in ax.get_xticklabels()]
    values = ax.collections[0].get_array().reshape(len(losses), len(generators))
    means = {(e.recipe.loss, e.recipe.generator): results.primary.mean[k] for k, e in enumerate(results.board.entries)}
    for row, loss in enumerate(losses):
        for column, generator in enumerate(generators):
            assert values[row, column] == pytest.approx(means[loss, generator])
    bold = {text.get_position() for text in ax.texts if text.get_weight() == "bold"}
    assert bold == {(column + 0.5, np.argmax(values[:, column]) + 0.5) for column in range(len(generators))}


def test_bars_are_the_shares(results, draw):
    left, right = draw(plot_factors, results).axes
    view = factors(results.board)
    assert [bar.get_width() for bar in right.patches] == [pytest.approx(100 * view.share[s]) for s in SOURCES[::-1]]
    np.testing.assert_allclose([line.get_ydata() for line in left.lines], view.cells)


def test_entries_of_one_generator_and_loss_each_have_a_row(draw):
    """The recorded board of color spaces: one network under few losses, told apart by its head."""
    results = rank_board(read_board(Path("leaderboards/color-space-cpu")))
    ax = draw(plot_heat_map, results).axes[0]
    trained = [entry for entry in results.board.entries if entry.kind == "trained"]
    assert len([text for text in ax.texts if text.get_text()]) == len(trained)
    assert {"ab", "luv", "rgb"} <= {text.get_text() for text in ax.get_yticklabels()}
