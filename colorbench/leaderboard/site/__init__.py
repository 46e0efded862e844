"""The board as static pages: one self-contained index.html, one page per run, and a list of boards. Nothing is loaded."""

from colorbench.leaderboard.site.index import write_index
from colorbench.leaderboard.site.list import write_list
from colorbench.leaderboard.site.pictures import write_pictures
from colorbench.leaderboard.site.run import write_run_pages

__all__ = ["write_index", "write_list", "write_pictures", "write_run_pages"]
