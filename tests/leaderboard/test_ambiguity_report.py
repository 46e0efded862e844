import pandas as pd
import pytest

from colorbench.data.mixtures import TRUTH
from colorbench.leaderboard import build, export
from colorbench.leaderboard.ambiguity import OBJECTS, read_ambiguity
from colorbench.leaderboard.ambiguity_report import AMBIGUITY, REWARDS, TEXT, averaging_line, entry_table
from colorbench.leaderboard.entries import read_board
from colorbench.summary import what_losses_do


def test_the_board_shows_it_and_an_exported_one_too(scenes, found, tmp_path):
    out = build(scenes, plots=False)
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "Where gray does not decide the color" in page
    assert "No entry is significantly better than the best possible" in page
    assert "What does each metric reward?" in page
    frame = pd.read_csv(out / AMBIGUITY)
    assert {"near_mode", "near_mean", "total_variation", "regret_squared", "regret_delta-e-2000_half"} <= set(frame)
    assert "rewards_averaging" in pd.read_csv(out / REWARDS)
    assert what_losses_do(out).startswith("averager averages: ")
    assert "## What does each metric reward?" in (out / TEXT).read_text(encoding="utf-8")
    exported = export(scenes, tmp_path / "kept", plots=False)
    assert (exported / TRUTH).is_file()
    assert (exported / OBJECTS).is_file()
    assert not (exported / "references").exists()
    again = read_ambiguity(read_board(exported))
    assert again.spreads == found.spreads


def test_the_sentence_names_both(found):
    frame = entry_table(found, [entry.label for entry in found.entries])
    assert list(frame["label"]) == [entry.label for entry in found.entries]
    said = averaging_line(frame)
    assert said.startswith("averager averages: ")
    assert "decider decides: " in said or "hedger decides: " in said
    assert averaging_line(frame[frame["kind"] == "baseline"]) == ""


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        (
            {"a": (0.8, 0.05), "b": (0.2, 0.7)},
            "a averages: 80% of its colors are the mean of an object's possible colors, 5% one of these; "
            "b decides: 70% are.",
        ),
        (
            {"a": (0.8, 0.2), "b": (0.2, 0.08)},
            "a averages: 80% of its colors are the mean of an object's possible colors, 20% one of these; "
            "none of the others decides: at most 8% are.",
        ),
        (
            {"a": (0.3, 0.2), "b": (0.2, 0.7)},
            "No entry averages: at most 30% of an entry's colors are the mean of an object's possible colors; "
            "b decides: 70% are one of these.",
        ),
        (
            {"a": (0.3, 0.4), "b": (0.2, 0.1)},
            "No entry averages: at most 30% of an entry's colors are the mean of an object's possible colors; "
            "none decides: at most 40% are one of these.",
        ),
    ],
)
def test_only_who_mostly_does_it_is_named(shares, said):
    rows = [
        {"label": label, "kind": "trained", "near_mean": mean, "near_mode": mode}
        for label, (mean, mode) in shares.items()
    ]
    assert averaging_line(pd.DataFrame(rows)) == said
