"""Dots stand at the means, best on top, and bars cover the tiers."""

from pathlib import Path

import pytest

from colorbench.leaderboard.entries import read_board, short_names
from colorbench.leaderboard.plots.intervals import plot_intervals, plot_metrics, plot_tiers
from colorbench.leaderboard.tiers import rank_board


def dots(ax) -> list[tuple[float, float]]:
    """The places of the error bars' dots, from top to bottom."""
    return sorted((line[0].get_ydata()[0], line[0].get_xdata()[0]) for line in ax.containers)


@pytest.mark.parametrize("metric", ["psnr", "delta-e-2000"])
def test_dots_stand_at_the_means_best_on_top(results, draw, metric):
    ranking = results.full[metric]
    ax = draw(plot_intervals, results, metric).axes[0]
    low, high = ax.get_xlim()
    order = ranking.order(results.board.higher_is_better(metric))
    wanted = [(y, ranking.mean[k]) for y, k in enumerate(order) if low <= ranking.mean[k] <= high]
    assert dots(ax) == [pytest.approx(place) for place in wanted]
    assert len(wanted) >= 4
    means = [x for _, x in dots(ax)]
    assert means == sorted(means, reverse=metric == "psnr")
    assert ax.yaxis_inverted()


def test_every_metric_has_its_panel_in_one_order(results, draw):
    axes = [ax for ax in draw(plot_metrics, results).axes if ax.axison]
    assert len(axes) == len(results.board.metrics)
    names = [text.get_text() for text in axes[0].get_yticklabels()]
    assert names[0].startswith("oracle-quarter")
    assert len(names) == len(results.board.entries)


def test_bars_cover_the_tiers(results, draw):
    ax = draw(plot_tiers, results).axes[0]
    tiers = [tier for k in results.order() if (tier := results.primary.tier[k]) is not None]
    bars = [(bar.get_x() + 0.35, bar.get_x() + bar.get_width() - 0.35) for bar in ax.patches]
    assert bars == [pytest.approx(tier) for tier in tiers]


@pytest.mark.usefixtures("unchecked")  # many records; the shape checks are the other tests' task
@pytest.mark.parametrize("name", ["losses", "generators-64", "scenery-64", "ambiguity"])
def test_no_two_entries_of_a_recorded_board_look_alike(name, draw):
    """Each row has its whole short name, in lines of which none leaves the figure."""
    results = rank_board(read_board(Path(__file__).parents[3] / "leaderboards" / name))
    made = draw(plot_intervals, results, results.board.primary)
    labels = made.axes[0].get_yticklabels()
    shown = [label.get_text().replace("\n", "").replace(" ", "").removesuffix("(baseline)") for label in labels]
    assert sorted(shown) == sorted(short_names(results.board.entries).values())
    assert len(set(shown)) == len(shown)
    assert min(label.get_window_extent().x0 for label in labels) >= 0
