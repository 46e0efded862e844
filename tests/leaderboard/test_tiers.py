import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.tiers import by_photo, holm, letters, photo_matrix, rank_metric, tier_text, tiers

FAST = {"pictures": False, "photos": 40, "size": 8}


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


def test_a_large_effect_separates_and_a_null_effect_ties(make_runs):
    losses = {"l1": 0.0, "mse": 0.0, "100*l1 + patchgan": 4.0}
    board = read_board(make_runs(generators=["unet"], losses=losses, seed_sd=0.05, **FAST))
    result = rank_metric(board, "psnr")
    tier = {e.label: t for e, t in zip(result.entries, result.tier)}
    assert tier["unet+100xl1+patchgan"] == (1, 1)
    assert tier["unet+l1"] == tier["unet+mse"] == (2, 3)
    assert tier["gray"] is None


def test_direction_comes_from_the_record(make_runs):
    board = read_board(make_runs(generators=["unet"], losses={"l1": 0.0, "mse": 4.0}, seed_sd=0.05, **FAST))
    for metric in ("psnr", "delta-e-2000"):
        result = rank_metric(board, metric)
        order = [result.entries[k].label for k in result.order(board.higher_is_better(metric))]
        assert order.index("unet+mse") < order.index("unet+l1")
        assert dict(zip([e.label for e in result.entries], result.tier))["unet+mse"] == (1, 1)


def test_a_metric_without_direction_is_not_ranked(make_runs):
    result = rank_metric(read_board(make_runs(generators=["unet"], **FAST)), "colorfulness")
    assert set(result.tier) == {None}


def test_records_alone_give_intervals_over_seeds(make_runs):
    board = read_board(make_runs(parquet=False, generators=["unet"], **FAST))
    result = rank_metric(board, "psnr")
    assert {b for b, e in zip(result.basis, result.entries) if e.kind == "trained"} == {"seeds"}
    assert all(np.isfinite(h) for h, e in zip(result.half, result.entries) if e.kind == "trained")


def test_a_suite_that_does_not_rank_has_no_tiers_and_no_letters(make_runs):
    result = rank_metric(read_board(make_runs(rankable=False, generators=["unet"], **FAST)), "psnr")
    assert set(result.tier) == set(result.letter) == {None}


def test_the_shown_mean_is_the_records(make_runs):
    board = read_board(make_runs(generators=["unet"], **FAST))
    result = rank_metric(board, "psnr")
    for entry, mean in zip(result.entries, result.mean):
        assert mean == pytest.approx(np.mean([run.record.scores["psnr"].value for run in entry.runs]))


def test_an_infinite_photo_takes_the_mean_of_the_others(make_runs):
    import pandas as pd

    folder = make_runs(generators=["unet"], losses={"l1": 0.0}, **FAST)
    path = folder / "gray" / "seed-0" / "scores.parquet"
    frame = pd.read_parquet(path)
    frame.loc[0, "psnr"] = np.inf
    frame.to_parquet(path)
    matrix = photo_matrix(read_board(folder), "psnr")
    assert np.isfinite(matrix).all()


def test_color_only_uses_the_flagged_photos(make_runs):
    board = read_board(make_runs(generators=["unet"], **FAST))
    assert photo_matrix(board, "psnr").shape[1] == 40
    assert photo_matrix(board, "psnr", color_only=True).shape[1] == 35


def test_a_long_board_is_tested_against_its_leader(make_runs, monkeypatch):
    monkeypatch.setattr("colorbench.leaderboard.tiers.MOST_PAIRS", 3)
    losses = {"l1": 4.0, "mse": 4.0, "huber": 0.0, "charbonnier": 0.0}
    result = rank_metric(read_board(make_runs(generators=["unet"], losses=losses, seed_sd=0.05, **FAST)), "psnr")
    tier = {e.label: t for e, t in zip(result.entries, result.tier)}
    assert tier["unet+l1"] == tier["unet+mse"] == (1, 2)
    assert tier["unet+huber"] == (3, 4)


def test_tiles_of_one_photo_count_as_one_photo(rng):
    photo = np.repeat(rng.normal(0, 1, 10), 6)
    values = (photo + rng.normal(0, 0.01, 60))[None]
    names = tuple(f"{k // 6:016x}-t{k % 6}" for k in range(60))
    grouped = by_photo(values, names)
    assert grouped.shape == (1, 10)
    assert grouped.mean() == pytest.approx(values.mean())
    assert grouped.var(ddof=1) / 10 == pytest.approx(values.reshape(10, 6).mean(1).var(ddof=1) / 10)


def test_unequal_numbers_of_tiles_keep_the_mean_and_the_robust_variance(rng):
    sizes = [1, 4, 7, 2, 6]
    names = tuple(f"{g}-t{k}" for g, size in enumerate(sizes) for k in range(size))
    values = rng.normal(0, 1, (1, len(names)))
    grouped = by_photo(values, names)
    groups = np.repeat(range(5), sizes)
    sums = np.array([(values[0] - values.mean())[groups == g].sum() for g in range(5)])
    assert grouped.mean() == pytest.approx(values.mean())
    assert grouped.var(ddof=1) / 5 == pytest.approx(5 / 4 * (sums**2).sum() / len(names) ** 2)
