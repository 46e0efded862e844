"""The page of pictures: what it holds, and that it is not there where no picture may be shown."""

import json
import re

import pytest

from colorbench.leaderboard import build
from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.site import write_pictures
from colorbench.leaderboard.tiers import rank_board

SMALL = {"generators": ["unet"], "losses": {"l1": 0.0, "mse": -1.0}, "photos": 6, "size": 16, "seeds": 2}


@pytest.fixture
def folder(make_runs):
    return make_runs(**SMALL)


def test_every_entry_of_every_photo_with_the_score_of_the_picture_shown(folder, tmp_path):
    board = read_board(folder)
    photos = list(board.photos[:2])
    assert write_pictures(rank_board(board), tmp_path, photos) == "pictures.html"
    page = (tmp_path / "pictures.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert [photo["id"] for photo in data["photos"]] == photos
    assert set(data["photos"][0]["pictures"]) == {entry.label for entry in board.entries}
    first = board.entry("unet+l1").runs[0]
    assert float(data["photos"][0]["scores"]["unet+l1"]) == pytest.approx(first.scores.at[photos[0], "psnr"], abs=0.01)
    assert not re.search("https?://", page)


def test_no_page_where_no_picture_may_be_shown(folder, tmp_path):
    assert write_pictures(rank_board(read_board(folder)), tmp_path, []) is None
    board = build(folder, plots=False)
    assert 'href="pictures.html"' in (board / "index.html").read_text()
    board = build(folder, plots=False, pictures=False)
    assert not (board / "pictures.html").exists()
    assert "pictures.html" not in (board / "index.html").read_text()
