"""A small board for the tests of its page."""

import pytest

from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.site import write_index
from colorbench.leaderboard.tiers import rank_board


@pytest.fixture(scope="session")
def small_folder(factory_class, tmp_path_factory):
    """A board of two generators and two losses, one of them much better; read only."""
    factory = factory_class(tmp_path_factory.mktemp("index"))
    small = {"generators": ["unet", "linknet"], "losses": {"l1": 0.0, "mse": -4.0}, "seeds": 3, "photos": 8}
    return factory(pictures=False, **small)


@pytest.fixture(scope="session")
def results(small_folder):
    return rank_board(read_board(small_folder))


def page_of(results, tmp_path, pages=None, badges=None) -> str:
    return write_index(results, tmp_path, {}, pages or {}, badges or {}).read_text()
