import numpy as np
import pytest
from scipy import stats

from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.pareto import cost, gray_normalized, pareto, summary, truth_colorfulness, varies

FAST = {"pictures": False, "photos": 16}


def test_the_front_against_every_pair(rng):
    price, quality = rng.integers(0, 9, 40).astype(float), rng.integers(0, 9, 40).astype(float)
    front = pareto(price, quality, True)
    points = set(zip(price[front], quality[front]))
    for p, q in zip(price, quality):
        beaten = ((price <= p) & (quality >= q) & ((price < p) | (quality > q))).any()
        assert ((p, q) in points) != beaten


def test_the_front_of_a_lower_is_better_metric_and_missing_costs():
    front = pareto(np.array([1.0, 2.0, np.nan]), np.array([5.0, 4.0, 0.0]), False)
    assert front.tolist() == [True, True, False]


def test_gray_is_0_and_the_reference_row_1(make_runs):
    board = read_board(make_runs(**FAST))
    _, values = summary(board)
    labels = [entry.label for entry in board.entries]
    assert values[labels.index("gray"), 0] == pytest.approx(0)
    assert values[labels.index("oracle-quarter"), 0] == pytest.approx(1)
    assert values[labels.index("shuffled-ab"), 0] < 0


def test_the_summary_is_scipys_trimmed_mean_without_undirected_metrics(make_runs):
    board = read_board(make_runs(**FAST))
    metrics, columns = gray_normalized(board)
    assert "colorfulness" not in metrics
    assert "delta-e-2000" in metrics
    k = [entry.label for entry in board.entries].index("unet+l1")
    expected = stats.trim_mean(np.stack([column[k] for column in columns]), 0.25, axis=0).mean()
    assert summary(board)[1][k, 0] == pytest.approx(expected)


def test_no_reference_row_no_summary(make_runs):
    board = read_board(make_runs(baselines={"gray": -3.0}, **FAST))
    assert summary(board)[0] == []


def test_costs_are_means_and_null_is_not_zero(make_runs):
    board = read_board(make_runs(**FAST))
    assert cost(board.entry("unet+l1"), "train_seconds") == pytest.approx(21)
    assert cost(board.entry("unet+l1"), "parameters") == pytest.approx(7.8)
    assert np.isnan(cost(board.entry("unet+l1"), "joules"))
    assert np.isnan(cost(board.entry("gray"), "train_seconds"))


def test_a_cost_that_the_budget_fixed_tells_nothing_apart():
    assert not varies(np.array([60.0, 60.2, np.nan]))
    assert varies(np.array([60.0, 90.0, np.nan]))
    assert not varies(np.array([np.nan, 5.0]))


def test_the_photos_colorfulness_is_what_gray_lacks(make_runs):
    board = read_board(make_runs(**FAST))
    gray = board.entry("gray")
    expected = gray.seed_values("colorfulness").mean() + gray.seed_values("colorfulness-error").mean()
    assert truth_colorfulness(board) == pytest.approx(expected)
