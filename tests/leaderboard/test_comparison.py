"""A against B: the numbers of the board's own page, pairing, and what a path means."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from colorbench.leaderboard.comparison import (
    Side,
    compare_boards,
    compare_entries,
    find_side,
    separations,
    shared_metrics,
)
from colorbench.leaderboard.entries import Board, read_board
from colorbench.leaderboard.tiers import rank_board
from colorbench.record import read_record, write_record

SMALL = {"generators": ["unet"], "losses": {"l1": 0.0, "mse": -1.0}, "photos": 12, "size": 8, "pictures": False}


@pytest.fixture(scope="module")
def folder(factory_class, tmp_path_factory):
    """Read only."""
    return factory_class(tmp_path_factory.mktemp("comparison"))(**SMALL)


@pytest.fixture(scope="module")
def board(folder):
    return read_board(folder)


@pytest.mark.parametrize("pair", [("unet+l1", "unet+mse"), ("unet+l1", "gray"), ("gray", "mean-ab")])
@pytest.mark.parametrize("metric", ["psnr", "delta-e-2000"])
def test_two_entries_of_a_board_differ_as_its_page_says(board, pair, metric):
    found = compare_entries(*(Side(board, board.entry(label)) for label in pair), metric)
    page = rank_board(board).full[metric].comparisons
    a, b = ([entry.label for entry in board.entries].index(label) for label in pair)
    assert found.difference == pytest.approx(page.difference[a, b])
    assert found.half == pytest.approx(page.half_width()[a, b])
    assert found.p == pytest.approx(page.p[a, b])
    assert found.parts.df == pytest.approx(page.df[a, b])


def test_one_seed_each_borrows_the_spread_of_its_entry(board, folder):
    one = find_side(folder / "unet+l1" / "seed-1")
    other = find_side(folder / "unet+l1" / "seed-2")
    found = compare_entries(one, other, "psnr")
    assert found.names == ("unet+l1 seed 1", "unet+l1 seed 2")
    spread = board.entry("unet+l1").seed_values("psnr").var(ddof=1)
    assert found.parts.seeds == pytest.approx((spread, spread))
    assert found.parts.n_seeds == (1, 1)


def test_the_better_one_and_the_photos_that_differ_most(board):
    found = compare_entries(Side(board, board.entry("unet+l1")), Side(board, board.entry("gray")), "psnr")
    assert found.told_apart
    assert found.better == "unet+l1"
    shown = found.most_different(3)
    gaps = np.abs(found.values[0] - found.values[1])
    assert [abs(a - b) for _, a, b in shown] == pytest.approx(sorted(gaps, reverse=True)[:3])


def test_boards_of_the_same_photos_are_paired_and_of_others_not(board, make_runs):
    again = read_board(make_runs(**SMALL, rng=1))
    paired = {label: one for label, one, _ in compare_boards(board, again, "psnr")}
    assert set(paired) == {entry.label for entry in board.entries}
    assert len(paired["gray"].photos) == 12
    for path in again.folder.glob("*/seed-*/record.json"):
        record = read_record(path)
        cell = record.cell.model_copy(update={"data_hash": "e" * 64})
        data = record.data.model_copy(update={"hash": "e" * 64})
        write_record(record.model_copy(update={"cell": cell, "key": cell.key, "data": data}), path)
    gray = {label: one for label, one, _ in compare_boards(board, read_board(again.folder), "psnr")}["gray"]
    assert gray.photos == ()
    assert "not paired" in gray.remark
    values = [b.entry("gray").photo_means("psnr", b.photos) for b in (board, again)]
    assert gray.parts.error == pytest.approx(np.sqrt(sum(v.var(ddof=1) / 12 for v in values)))
    assert gray.p > stats.ttest_rel(*values).pvalue / 10


def test_what_would_tell_the_leader_from_its_ties(make_runs):
    results = rank_board(
        read_board(make_runs(**SMALL | {"losses": {"l1": 0.0, "mse": -0.1, "100*l1 + patchgan": -9.0}}))
    )
    (one,) = separations(results)
    assert one.label in ("unet+l1", "unet+mse")
    assert abs(one.difference) < one.detectable
    assert one.seeds is None or one.seeds > 3
    told = rank_board(read_board(make_runs(**SMALL | {"losses": {"l1": 0.0, "mse": -9.0}})))
    assert separations(told) == []


def test_what_a_path_means(board, folder):
    assert find_side(folder / "unet+l1").entry.label == "unet+l1"
    assert isinstance(find_side(folder), Board)
    assert find_side(Path("unet+mse"), find_side(folder)).entry.label == "unet+mse"
    with pytest.raises(KeyError, match=r"did you mean 'unet\+mse'"):
        find_side(folder / "unet+mes")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        find_side(folder / "no" / "where")


def test_a_metric_of_one_board_only_is_refused_by_name(board):
    with pytest.raises(KeyError, match=r"unknown metric 'pnsr'.*did you mean 'psnr'"):
        shared_metrics(board, board, ["pnsr"])
    assert shared_metrics(board, board, None)[0] == board.primary


def test_versions_of_a_metric_do_not_mix(board, make_runs):
    again = make_runs(**SMALL)
    for path in again.glob("*/seed-*/record.json"):
        record = read_record(path)
        scores = {key: score.model_copy(update={"version": "9"}) for key, score in record.scores.items()}
        write_record(record.model_copy(update={"scores": scores}), path)
    other = read_board(again)
    with pytest.raises(ValueError, match="score one of them again"):
        compare_entries(Side(board, board.entry("gray")), Side(other, other.entry("gray")), "psnr")
