"""Intervals against scipy, and their coverage against known truth."""

import numpy as np
import pytest
from scipy import stats

from colorbench.leaderboard.intervals import Parts, compare, detectable, mean_intervals, power, sample

BOARDS = 1500


def test_two_entries_without_photos_are_welch(rng):
    a, b = rng.normal(24, 0.3, 5), rng.normal(23.7, 0.1, 3)
    result = compare(sample([a, b]))
    expected = stats.ttest_ind(a, b, equal_var=False)
    assert result.p[0, 1] == pytest.approx(expected.pvalue, rel=1e-10)
    low, high = expected.confidence_interval(0.95)
    assert result.half_width()[0, 1] == pytest.approx((high - low) / 2, rel=1e-10)
    assert result.df[0, 1] == pytest.approx(expected.df, rel=1e-10)


def test_two_fixed_models_are_a_paired_t_test(rng):
    photos = rng.normal(24, 2, (2, 50)) + np.array([[0.4], [0.0]])
    result = compare(sample(list(photos.mean(1, keepdims=True)), photos, np.array([True, True])))
    expected = stats.ttest_rel(photos[0], photos[1])
    assert result.p[0, 1] == pytest.approx(expected.pvalue, rel=1e-9)
    assert result.difference[0, 1] == pytest.approx((photos[0] - photos[1]).mean())


def test_one_mean_over_seeds_alone_is_students_interval(rng):
    values = rng.normal(24, 0.3, 4)
    half, df = mean_intervals(sample([values]))
    low, high = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    assert half[0] == pytest.approx((high - low) / 2)
    assert df[0] == pytest.approx(3)


def simulate(rng, seeds: int, photos: int, seed_sd: float, photo_sd=1.5, own_sd=0.6, residual_sd=0.5):
    """Two recipes of one true mean: shared photo difficulty, recipe x photo, seed, and residual variation."""
    difficulty = rng.normal(0, photo_sd, photos)
    made = []
    for _ in range(2):
        own = rng.normal(0, own_sd, photos)
        shift = rng.normal(0, seed_sd, (seeds, 1))
        made.append(24 + difficulty + own + shift + rng.normal(0, residual_sd, (seeds, photos)))
    return np.stack(made)


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("seed_sd", [0.05, 0.15, 0.5])
def test_the_interval_of_a_difference_covers_the_truth(seeds, seed_sd):
    """95 % promised, 93-97 % held, from 3 seeds and 60 photos, whether photos or seeds dominate."""
    rng = np.random.default_rng(seeds)
    hits = 0
    for _ in range(BOARDS):
        scores = simulate(rng, seeds, 60, seed_sd)
        result = compare(sample(list(scores.mean(2)), scores.mean(1)))
        hits += abs(result.difference[0, 1]) <= result.half_width()[0, 1]
    assert 0.93 <= hits / BOARDS <= 0.975


def test_the_interval_of_a_mean_covers_the_truth():
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(BOARDS):
        scores = simulate(rng, 3, 60, 0.3)
        half, _ = mean_intervals(sample(list(scores.mean(2)), scores.mean(1)))
        hits += abs(scores[0].mean() - 24) <= half[0]
    assert 0.93 <= hits / BOARDS <= 0.975


def test_photos_alone_from_one_seed_cover_far_less():
    """Why seeds are needed: the usual paired test over photos misses most of what varies."""
    rng, hits = np.random.default_rng(3), 0
    for _ in range(500):
        scores = simulate(rng, 1, 200, 0.3)
        result = compare(sample(list(scores.mean(2)), scores.mean(1), np.array([True, True])))
        hits += abs(result.difference[0, 1]) <= result.half_width()[0, 1]
    assert hits / 500 < 0.6


def test_one_seed_borrows_the_others_spread(rng):
    data = sample([rng.normal(0, 1, 3), rng.normal(0, 1, 3), np.array([0.3])])
    pooled = (data.seed_variance[0] * 3 + data.seed_variance[1] * 3) / 2
    assert data.seed_variance[2] == pytest.approx(pooled)
    assert data.seed_df[2] == 4
    assert data.pooled.tolist() == [False, False, True]


def test_one_seed_and_nothing_to_borrow_is_not_tested():
    photos = np.random.default_rng(5).normal(0, 1, (2, 30))
    data = sample([np.array([0.0]), np.array([5.0])], photos)
    assert np.isnan(compare(data).p[0, 1])
    assert np.isnan(mean_intervals(data)[0]).all()


def test_an_entry_that_was_not_measured_stays_nan():
    data = sample([np.array([1.0, 2.0]), np.array([np.nan, np.nan])])
    assert np.isnan(compare(data).p[0, 1])
    assert np.isnan(data.mean[1])


@pytest.mark.parametrize(("difference", "n"), [(0.5, 10), (1.0, 10), (0.0, 6)])
def test_power_is_that_of_statsmodels(difference, n):
    from statsmodels.stats.power import TTestPower

    found = power(difference, 1 / n**0.5, n - 1.0)
    assert found == pytest.approx(TTestPower().power(difference, n, 0.05), abs=1e-6)


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
