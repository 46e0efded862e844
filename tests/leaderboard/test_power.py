"""Plans of seeds and photos against statsmodels, and against simulated boards."""

import numpy as np
import pytest
from scipy import stats

from colorbench.leaderboard.intervals import compare, sample
from colorbench.leaderboard.power import Parts, detectable, power
from tests.leaderboard.test_intervals import simulate


@pytest.mark.parametrize(("difference", "n"), [(0.5, 10), (1.0, 10), (0.0, 6)])
def test_power_is_that_of_statsmodels(difference, n):
    from statsmodels.stats.power import TTestPower

    found = power(difference, 1 / n**0.5, n - 1.0)
    assert found == pytest.approx(TTestPower().power(difference, n, 0.05), abs=1e-6)


@pytest.mark.parametrize("df", [4.0, 10.0, 47.0, 100.0])
@pytest.mark.parametrize("pairs", [1, 45, 171])
def test_what_is_detectable_after_a_correction_for_many_pairs(df, pairs):
    """Against draws of the t statistic itself: far shifts, where the other tail is too small for a number."""
    shift, rng = detectable(1.0, df, 0.05 / pairs), np.random.default_rng(0)
    draws = (rng.standard_normal(100_000) + shift) / np.sqrt(rng.chisquare(df, 100_000) / df)
    found = np.mean(np.abs(draws) > stats.t.isf(0.025 / pairs, df))
    assert found == pytest.approx(0.8, abs=0.005)


def test_the_detectable_difference_is_found_as_often_as_promised():
    """Simulated: 3 seeds and 40 photos; the planned difference is found in about four of five boards."""
    rng, parts = np.random.default_rng(5), Parts((0.04, 0.04), (3, 3), (2.0, 2.0), 1.22, 40)
    planned, hits, boards = parts.detectable(), 0, 500
    for _ in range(boards):
        scores = simulate(rng, 3, 40, 0.2)  # difference of own effects and residuals: 2 * (0.6 ** 2 + 0.5 ** 2) = 1.22
        scores[0] += planned
        hits += compare(sample(list(scores.mean(2)), scores.mean(1))).p[0, 1] < 0.05
    assert 0.72 <= hits / boards <= 0.88


def test_the_counts_are_the_fewest_that_find_the_difference():
    def parts(seeds=3, photos=30):
        return Parts((0.01, 0.01), (seeds, seeds), (seeds - 1.0, seeds - 1.0), 1.0, photos)

    photos, seeds = parts().photos_for(0.5), parts(photos=60).seeds_for(0.4)
    assert parts(photos=photos).power(0.5) >= 0.8 > parts(photos=photos - 1).power(0.5)
    assert parts(seeds, 60).power(0.4) >= 0.8 > parts(seeds - 1, 60).power(0.4)


def test_no_number_of_photos_outweighs_the_seeds():
    noisy = Parts((1.0, 1.0), (3, 3), (2.0, 2.0), 1.0, 30)
    assert noisy.photos_for(0.5) is None
    assert noisy.seeds_for(0.5) is None  # and none of seeds the photos
    fixed = Parts((0.0, 0.0), (1, 1), (np.inf, np.inf), 1.0, 30)
    assert fixed.seeds_for(0.5) is None
    assert fixed.photos_for(0.5) == 34  # as a paired t-test needs


def test_unknown_spread_over_seeds_promises_nothing():
    parts = Parts((np.nan, 0.1), (1, 3), (np.nan, 2.0), 1.0, 30)
    assert np.isnan(parts.error)
    assert np.isnan(parts.detectable())
    assert np.isnan(detectable(0.0, 3.0))
    assert parts.photos_for(1.0) is None
