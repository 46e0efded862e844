"""The verdict of boards whose effects are known."""

import pytest

from colorbench.generators import BASELINES
from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.tiers import rank_board, rank_metric
from colorbench.leaderboard.verdict import ABOUT, first_line, verdict

FAST = {"pictures": False, "photos": 40, "size": 8, "generators": ["unet"], "seed_sd": 0.05}


@pytest.mark.parametrize(
    ("losses", "first", "gray"),
    [
        ({"l1": 4.0, "mse": 0.0}, "every other entry is significantly behind", "Every entry is significantly better"),
        ({"l1": 0.0, "mse": 0.0}, "no other entry could be told apart", "Every entry is significantly better"),
        ({"l1": 1.0, "mse": 1.0, "100*l1 + patchgan": -8.0}, "1 of 2 others could not", "2 of 3 entries are"),
        ({"l1": -9.0}, "unet+l1 is the only entry", "No entry is significantly better than gray"),
    ],
)
def test_who_is_first_and_who_beats_gray(make_runs, losses, first, gray):
    lines = verdict(rank_board(read_board(make_runs(losses=losses, **FAST))))
    assert first in lines[0]
    assert gray in lines[1]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"losses": {"l1": 0.0}, "rankable": False}, "this suite is not made to compare its entries"),
        ({"losses": {}}, "no trained entry has a value of psnr"),
    ],
)
def test_without_ranking_it_says_why(make_runs, changes, why):
    assert verdict(rank_board(read_board(make_runs(**changes, **FAST)))) == [f"No ranking: {why}."]


def test_a_metric_without_direction_ranks_nothing(make_runs):
    board = read_board(make_runs(losses={"l1": 0.0}, **FAST))
    assert (
        first_line(board, rank_metric(board, "colorfulness")) == "No ranking: colorfulness has no preferred direction."
    )


def test_every_baseline_has_a_line_and_those_that_know_more_stand_apart(scenes):
    assert set(BASELINES) <= set(ABOUT)
    board = read_board(scenes)
    groups = {title: {board.entries[k].label for k in rows} for title, _, rows in rank_board(board).groups()}
    assert set(groups) == {"Entries", "Baselines", "Best possible"}
    assert groups["Baselines"] == {"gray", "shuffled-ab"}
    assert groups["Best possible"] == {label for label in BASELINES if label.startswith("bayes-")}
