"""From records to a board: statistics, tables, plots, pages; submitting to it, checking and publishing it."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colorbench.leaderboard.builder import build
    from colorbench.leaderboard.checks import Finding, badges_of, check
    from colorbench.leaderboard.publication import export, model_index, publish, publish_all, write_model_card
    from colorbench.leaderboard.server import serve
    from colorbench.leaderboard.submission import submit

_PLACES = {
    "build": "builder",
    "check": "checks",
    "Finding": "checks",
    "badges_of": "checks",
    "publish": "publication",
    "publish_all": "publication",
    "export": "publication",
    "model_index": "publication",
    "write_model_card": "publication",
    "serve": "server",
    "submit": "submission",
}

__all__ = [
    "Finding",
    "badges_of",
    "build",
    "check",
    "export",
    "model_index",
    "publish",
    "publish_all",
    "serve",
    "submit",
    "write_model_card",
]


def __getattr__(name: str):
    """Load each function on first use: `colorbench --help` needs none of them."""
    if name not in _PLACES:
        raise AttributeError(f"colorbench.leaderboard has no {name!r}; it has {', '.join(_PLACES)}")
    return getattr(import_module(f"colorbench.leaderboard.{_PLACES[name]}"), name)
