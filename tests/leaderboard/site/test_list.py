"""The page over several boards."""

import re

from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.site.list import write_list
from colorbench.leaderboard.tiers import rank_metric
from colorbench.leaderboard.verdict import first_line


def test_a_line_per_board_links_to_it_and_says_who_is_first(make_runs, tmp_path):
    folder = make_runs(generators=["unet", "linknet"], losses={"l1": 0.0}, seeds=2, photos=6, pictures=False)
    board = read_board(folder)
    page = write_list([("synthetic", board), ("<b>", board)], tmp_path).read_text()
    assert 'href="synthetic/index.html"' in page
    assert "<b>" not in page
    assert page.count(first_line(board, rank_metric(board, "psnr"))) == 2
    text = re.sub(r"<[^>]+>|\s+", " ", page)
    assert "Synthetic board" in text
    assert re.search(r"\b2\b.*\b2\b.*\b6\b", text)  # entries, seeds, photos
    assert "500 steps" in text
