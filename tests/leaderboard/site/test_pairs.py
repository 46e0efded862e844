"""Every entry against every other, as the statistics say."""

import pytest

from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.site.pairs import matrix, separating
from colorbench.leaderboard.tiers import ALPHA, rank_board


def test_the_matrix_names_better_and_worse(results):
    made = matrix(results)
    shown = [k for k in results.order() if results.primary.tier[k] is not None]
    assert [label for _, label in made["heads"]] == [results.board.entries[k].label for k in shown]
    half = results.primary.comparisons.half_width()
    for a, row in zip(shown, made["rows"]):
        for b, cell in zip(shown, row["cells"]):
            difference, p = results.primary.comparisons.difference[a, b], results.primary.p_holm[a, b]
            apart = "self" if a == b else "" if p >= ALPHA else "better" if difference > 0 else "worse"
            assert cell["kind"] == apart
            assert (cell["text"] == "") == (a == b)
            assert a == b or float(cell["text"]) == pytest.approx(difference, abs=half[a, b] / 10)
    assert {cell["kind"] for row in made["rows"] for cell in row["cells"]} == {"self", "", "better", "worse"}


def test_nothing_is_compared_where_nothing_is_ranked(make_runs):
    folder = make_runs(generators=["unet"], losses={"l1": 0.0}, seeds=1, photos=4, pictures=False, rankable=False)
    assert matrix(rank_board(read_board(folder))) is None


def test_what_would_tell_entries_apart_names_them_in_full(make_runs):
    losses = {"l1": 0.0, "100*l1 + patchgan(mode='hinge', width=16)": 0.0}
    found = separating(rank_board(read_board(make_runs(generators=["unet"], losses=losses, photos=8, pictures=False))))
    assert {found["first"], *(row[0] for row in found["rows"])} == {
        "unet+l1",
        "unet+100xl1+patchgan-mode-hinge-width-16",
    }
