import numpy as np
import pytest

from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.factors import factors, variation_line

FAST = {"pictures": False, "photos": 24, "residual_sd": 0.05, "seed_sd": 0.05}


def test_a_board_of_main_effects_alone(make_runs):
    view = factors(read_board(make_runs(**FAST)))
    assert view.p["loss"] < 1e-6
    assert view.p["generator"] < 1e-6
    assert view.share["loss x generator"] < 0.05
    assert sum(view.share.values()) == pytest.approx(1)
    assert "loss" in variation_line(view)


def test_an_interaction_is_found(make_runs):
    crossed = {("unet", "mse"): 3.0, ("linknet", "mse"): -3.0}
    view = factors(read_board(make_runs(interaction=crossed, **FAST)))
    assert view.p["loss x generator"] < 1e-6
    assert view.share["loss x generator"] > 0.3


def test_the_sums_of_squares_are_the_textbooks(make_runs):
    """A balanced grid has closed forms."""
    board = read_board(make_runs(**FAST))
    view = factors(board)
    grid = {(e.recipe.loss, e.recipe.generator): e.seed_values("psnr") for e in board.ranked}
    y = np.array([[grid[loss, gen] for gen in view.generators] for loss in view.losses])
    total = ((y - y.mean()) ** 2).sum()
    loss = y[0].size * ((y.mean((1, 2)) - y.mean()) ** 2).sum()
    assert view.share["loss"] == pytest.approx(loss / total)
    assert view.cells == pytest.approx(y.mean(2))


def test_holes_leave_the_largest_full_grid(make_runs):
    import shutil

    folder = make_runs(**FAST)
    shutil.rmtree(folder / "pix2pix+mse")
    view = factors(read_board(folder))
    assert len(view.losses) * len(view.generators) == 6
    assert len(view.left_out) == 2


def test_one_generator_has_no_factor_view(make_runs):
    assert factors(read_board(make_runs(generators=["unet"], **FAST))) is None


def test_one_seed_gives_no_test_of_the_interaction(make_runs):
    view = factors(read_board(make_runs(seeds=1, **FAST)))
    assert np.isnan(view.p["loss x generator"])
    assert view.p["loss"] < 0.01
