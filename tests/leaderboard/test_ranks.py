import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from colorbench.leaderboard.ranks import holm, letters, tier_text, tiers


def symmetric(values, n):
    matrix = np.ones((n, n))
    matrix[np.triu_indices(n, 1)] = values
    return np.minimum(matrix, matrix.T)


def test_holm_is_statsmodels_over_the_upper_triangle():
    p = symmetric([0.001, 0.02, 0.04, 0.2, 0.6, 0.01], 4)
    expected = multipletests([0.001, 0.02, 0.04, 0.2, 0.6, 0.01], method="holm")[1]
    assert holm(p)[np.triu_indices(4, 1)] == pytest.approx(expected)
    assert np.array_equal(holm(p), holm(p).T)


def test_untested_pairs_are_no_part_of_the_family():
    p = symmetric([0.01, np.nan, 0.02], 3)
    p[0, 2] = p[2, 0] = np.nan
    corrected = holm(p)
    assert corrected[0, 1] == pytest.approx(0.02)
    assert np.isnan(corrected[0, 2])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.booleans(), min_size=n * n, max_size=n * n)))
)
def test_two_share_a_letter_exactly_when_they_do_not_differ(case):
    n, flags = case
    different = np.array(flags).reshape(n, n)
    different = np.triu(different, 1) | np.triu(different, 1).T
    shown = [set(text) for text in letters(different)]
    for i in range(n):
        for j in range(i + 1, n):
            assert bool(shown[i] & shown[j]) != different[i, j]


def test_letters_start_with_a_at_the_top():
    apart = ~np.eye(3, dtype=bool)
    assert letters(apart) == ["a", "b", "c"]
    assert letters(np.zeros((3, 3), bool)) == ["a", "a", "a"]


def test_tiers_of_a_clear_order_are_single_ranks():
    better = np.triu(np.ones((4, 4), bool), 1)
    assert [tier_text(t) for t in tiers(better)] == ["1", "2", "3", "4"]
    assert [tier_text(t) for t in tiers(np.zeros((4, 4), bool))] == ["1-4"] * 4
