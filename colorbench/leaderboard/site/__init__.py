"""The board as static pages: one self-contained index.html and a page a run. No network, no server, nothing loaded."""

from colorbench.leaderboard.site.index import write_index
from colorbench.leaderboard.site.run import write_run_pages

__all__ = ["write_index", "write_run_pages"]
