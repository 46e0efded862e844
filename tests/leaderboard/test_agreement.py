"""The rank correlation of two boards against its textbook formula, with the interval computed by hand."""

import pytest

from colorbench.leaderboard.agreement import order_agreement
from colorbench.leaderboard.entries import read_board

SMALL = {"generators": ["unet"], "photos": 12, "size": 8, "pictures": False}
LOSSES = ("l1", "mse", "ssim", "delta-e-2000", "100*l1 + patchgan")


def board(make_runs, places, rng=0):
    """A board whose losses stand at these places by psnr."""
    return read_board(make_runs(**SMALL, losses={loss: -3.0 * place for loss, place in zip(LOSSES, places)}, rng=rng))


# one neighboring pair exchanged: 1 - 6 * 2 / (5 * 24); tanh(atanh(.9) -+ 1.95996 sqrt(1.405 / 2))
@pytest.mark.parametrize(
    ("places", "spearman", "low", "high", "same"),
    [
        ((0, 1, 2, 3, 4), 1.0, 1.0, 1.0, 10),
        ((0, 1, 3, 2, 4), 0.9, -0.16891, 0.99607, 9),
        ((4, 3, 2, 1, 0), -1.0, -1.0, -1.0, 0),
    ],
)
def test_whether_two_boards_order_their_entries_alike(make_runs, places, spearman, low, high, same):
    found = order_agreement(board(make_runs, range(5)), board(make_runs, places, rng=1), "psnr")
    assert (found.entries, found.pairs, found.same_order) == (5, 10, same)
    assert (found.spearman, found.low, found.high) == pytest.approx((spearman, low, high), abs=2e-5)


def test_three_entries_have_no_order_to_agree_on(make_runs):
    few = board(make_runs, range(3))
    assert order_agreement(few, few, "psnr") is None
