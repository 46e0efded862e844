"""A board of two generators and two losses, and the axes that a plot function draws on."""

import sys

import pytest

from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.plots import style
from colorbench.leaderboard.tiers import rank_board


@pytest.fixture(scope="session")
def results(factory_class, tmp_path_factory):
    """Read only."""
    factory = factory_class(tmp_path_factory.mktemp("plots"))
    small = {"generators": ["unet", "linknet"], "losses": {"l1": 0.0, "mse": -0.5}, "seeds": 2, "photos": 6}
    return rank_board(read_board(factory(**small)))


@pytest.fixture
def draw(monkeypatch, tmp_path):
    """`draw(plot, ...)`: the figure that this function saves."""

    def call(plot, results, *arguments):
        kept = []

        def keep(made, folder, name):
            kept.append(made)
            return folder / f"{name}.svg"

        monkeypatch.setattr(sys.modules[plot.__module__], "save", keep)
        with style.look():
            assert plot(results, *arguments) is not None
        kept[0].canvas.draw()
        return kept[0]

    return lambda plot, results, *before, after=(): call(plot, results, *before, tmp_path, *after)
