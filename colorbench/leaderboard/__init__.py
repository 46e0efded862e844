"""From records to a board: statistics, tables, plots, pages; entering, checking and publishing it."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colorbench.leaderboard.builder import build

_PLACES = {"build": "builder"}

__all__ = ["build"]


def __getattr__(name: str):
    """Each verb is loaded when it is first asked for: `colorbench --help` needs none of them."""
    if name not in _PLACES:
        raise AttributeError(f"colorbench.leaderboard has no {name!r}; it has {', '.join(_PLACES)}")
    return getattr(import_module(f"colorbench.leaderboard.{_PLACES[name]}"), name)
