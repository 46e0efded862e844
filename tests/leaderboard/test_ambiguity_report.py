import pandas as pd

from colorbench.data.mixtures import TRUTH
from colorbench.leaderboard import build, export
from colorbench.leaderboard.ambiguity import OBJECTS, read_ambiguity
from colorbench.leaderboard.ambiguity_report import AMBIGUITY, REWARDS, TEXT
from colorbench.leaderboard.entries import read_board
from colorbench.summary import what_losses_do


def test_the_board_shows_it_and_an_exported_one_too(scenes, tmp_path):
    out = build(scenes, strips=0)
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "Where gray does not decide the color" in page
    assert "No entry is significantly better than the best possible" in page
    assert "What does each metric reward?" in page
    assert (out / "plots" / "modes.svg").is_file()
    frame = pd.read_csv(out / AMBIGUITY)
    assert {"near_mode", "near_mean", "total_variation", "regret_squared", "regret_delta-e-2000_half"} <= set(frame)
    assert "rewards_averaging" in pd.read_csv(out / REWARDS)
    assert what_losses_do(out).startswith("averager averages: ")
    assert "## What does each metric reward?" in (out / TEXT).read_text(encoding="utf-8")
    exported = export(scenes, tmp_path / "kept")
    assert (exported / TRUTH).is_file()
    assert (exported / OBJECTS).is_file()
    assert not (exported / "references").exists()
    again = read_ambiguity(read_board(exported))
    assert again.spreads == read_ambiguity(read_board(scenes)).spreads
