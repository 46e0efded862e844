"""Every entry against every other, as the statistics say."""

from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.site.pairs import matrix
from colorbench.leaderboard.tiers import ALPHA, rank_board


def test_the_matrix_names_better_and_worse(results):
    made = matrix(results)
    shown = [k for k in results.order() if results.primary.tier[k] is not None]
    names = [results.board.entries[k].label for k in shown]
    assert [set(name.split("+")) for name in made["names"]] == [set(name.split("+")) for name in names]
    for a, row in zip(shown, made["rows"]):
        for b, cell in zip(shown, row["cells"]):
            difference, p = results.primary.comparisons.difference[a, b], results.primary.p_holm[a, b]
            apart = "" if a == b or p >= ALPHA else "better" if difference > 0 else "worse"
            assert cell["kind"] == apart
            assert cell["text"] == ("" if a == b else f"{difference:+.2f}")
    assert {cell["kind"] for row in made["rows"] for cell in row["cells"]} == {"", "better", "worse"}


def test_nothing_is_compared_where_nothing_is_ranked(make_runs):
    folder = make_runs(generators=["unet"], losses={"l1": 0.0}, seeds=1, photos=4, pictures=False, rankable=False)
    assert matrix(rank_board(read_board(folder))) is None
