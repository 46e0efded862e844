"""Intervals against scipy, and their coverage against known truth."""

import numpy as np
import pytest
from scipy import stats

from colorbench.leaderboard.intervals import compare, mean_intervals, sample, seed_prior

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


@pytest.mark.usefixtures("unchecked")
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


@pytest.mark.usefixtures("unchecked")
def test_the_interval_of_a_mean_covers_the_truth():
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(BOARDS):
        scores = simulate(rng, 3, 60, 0.3)
        half, _ = mean_intervals(sample(list(scores.mean(2)), scores.mean(1)))
        hits += abs(scores[0].mean() - 24) <= half[0]
    assert 0.93 <= hits / BOARDS <= 0.975


@pytest.mark.usefixtures("unchecked")
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
    assert data.seed_df[2] == pytest.approx(4 / 3)  # a third of all
    assert data.moderated.tolist() == [False, False, True]


def test_two_seeds_of_two_entries_are_welch(rng):
    """Two entries do not show how much variances differ."""
    a, b = rng.normal(24, 0.3, 2), rng.normal(23.7, 0.1, 2)
    result = compare(sample([a, b]))
    assert result.p[0, 1] == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, rel=1e-10)


def test_the_prior_is_found_again(rng):
    """Variances drawn as the model says: 1 / variance is a scaled chi^2 of 6, each measured with 1 to 4 degrees of freedom."""
    df = rng.integers(1, 5, 20_000).astype(float)
    variance = 0.25 * 6 / rng.chisquare(6, len(df)) * rng.chisquare(df) / df
    prior = seed_prior(variance, df)
    assert prior.variance == pytest.approx(0.25, rel=0.03)
    assert prior.df == pytest.approx(6, rel=0.1)


def test_a_moderated_variance_lies_between_its_own_and_the_priors():
    variance, df = np.array([0.01, 0.02, 0.05, 1.0, 4.0]), np.full(5, 1.0)
    prior = seed_prior(variance, df)
    moderated = prior.moderate(variance, df)
    assert np.isfinite(prior.df)
    assert (np.abs(moderated - prior.variance) < np.abs(variance - prior.variance)).all()
    assert prior.moderate(np.array([np.nan]), np.zeros(1)) == prior.variance
    assert prior.total_df(df) == pytest.approx(5 / 3)


def test_spreads_that_differ_by_chance_alone_are_pooled():
    prior = seed_prior(np.array([0.9, 1.0, 1.1]), np.full(3, 2.0))
    assert prior.df == float("inf")
    assert prior.variance == pytest.approx(1.0)


def test_seeds_that_agree_exactly_do_not_break_the_prior():
    prior = seed_prior(np.array([0.0, 0.0, 0.5, 1.0]), np.full(4, 1.0))
    assert 0 < prior.variance < np.inf
    assert seed_prior(np.zeros(4), np.full(4, 1.0)).variance == 0


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("entries", [4, 8, 14])
@pytest.mark.parametrize("scatter", [0.0, 1.0])
def test_two_seeds_cover_the_truth(entries, scatter):
    """Moderated intervals of differences, whether the entries' spreads are equal or scatter by a factor of e."""
    rng, hits, boards = np.random.default_rng(entries), 0.0, 400
    upper = np.triu_indices(entries, 1)
    for _ in range(boards):
        sd = 0.5 * np.exp(scatter / 2 * rng.normal(size=(entries, 1, 1)))
        own = rng.normal(0, 0.3, (entries, 1, 60))
        scores = (
            rng.normal(24, 1.5, 60) + own + sd * rng.normal(size=(entries, 2, 1)) + rng.normal(0, 0.3, (entries, 2, 60))
        )
        result = compare(sample(list(scores.mean(2)), scores.mean(1)))
        hits += (np.abs(result.difference) <= result.half_width())[upper].mean()
    assert 0.92 <= hits / boards <= 0.985


def test_one_seed_and_nothing_to_borrow_is_not_tested():
    photos = np.random.default_rng(5).normal(0, 1, (2, 30))
    data = sample([np.array([0.0]), np.array([5.0])], photos)
    assert np.isnan(compare(data).p[0, 1])
    assert np.isnan(mean_intervals(data)[0]).all()


def test_an_entry_that_was_not_measured_stays_nan():
    data = sample([np.array([1.0, 2.0]), np.array([np.nan, np.nan])])
    assert np.isnan(compare(data).p[0, 1])
    assert np.isnan(data.mean[1])
