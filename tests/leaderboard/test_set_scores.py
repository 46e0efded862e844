import numpy as np
import pytest
import torch
from scipy import stats

from colorbench.leaderboard.entries import read_board
from colorbench.leaderboard.set_scores import SEED, board_features, joint_resampling
from colorbench.leaderboard.table import table
from colorbench.leaderboard.tiers import rank_board
from colorbench.record import Score, read_record, write_record


def test_fid_is_the_package_metric_of_the_photos_that_a_draw_takes():
    from colorbench.metrics.fid import fid_of

    rng = np.random.default_rng(0)
    x, y = rng.normal(0.2, 1, (60, 12)), rng.normal(0, 1.3, (60, 12))
    picks = np.random.default_rng(SEED).integers(0, 60, (3, 60))
    expected = [fid_of(torch.from_numpy(x[pick]), torch.from_numpy(y[pick])) for pick in picks]
    assert joint_resampling([[x]], y, "fid", draws=3)[0] == pytest.approx(expected, rel=1e-6)


def test_kid_of_a_draw_never_compares_a_photo_with_itself():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.2, 1, (12, 5)), rng.normal(0, 1.3, (12, 5))
    picks = np.random.default_rng(SEED).integers(0, 12, (3, 12))
    kernel = lambda a, b: (a @ b / 5 + 1) ** 3  # noqa: E731
    for found, pick in zip(joint_resampling([[x]], y, "kid", draws=3)[0], picks):
        pairs = [(i, j) for i in pick for j in pick if i != j]
        values = [kernel(x[i], x[j]) + kernel(y[i], y[j]) - 2 * kernel(x[i], y[j]) for i, j in pairs]
        assert found == pytest.approx(np.mean(values), rel=1e-9)


def test_draws_of_kid_are_around_its_value():
    """With the pairs of a photo that was drawn twice every one of these draws is above it."""
    from colorbench.metrics.kid import kid_of

    rng = np.random.default_rng(2)
    truth = rng.normal(0, 1, (40, 64))
    pred = truth * 0.8
    drawn = joint_resampling([[pred]], truth, "kid")[0]
    value = kid_of(torch.from_numpy(pred), torch.from_numpy(truth))
    assert abs(drawn.mean() - value) < 4 * drawn.std() / len(drawn) ** 0.5


def test_pairing_over_photos_sharpens_a_difference():
    """Two entries that share the photos' features: their difference varies less than either of them."""
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 1, (50, 8))
    shared = truth + rng.normal(0, 0.8, truth.shape)
    entries = [[shared + 0.02 * rng.normal(size=truth.shape)], [shared * 0.97]]
    drawn = joint_resampling(entries, truth, "kid", draws=60)
    assert drawn.shape == (2, 60)
    assert (drawn[0] - drawn[1]).std() < 0.5 * drawn.std(axis=1).min()


def test_unknown_score_and_other_photos_are_refused():
    truth = np.zeros((4, 3))
    with pytest.raises(KeyError, match="known: fid, kid"):
        joint_resampling([[truth]], truth, "psnr")
    with pytest.raises(ValueError, match="score all photos"):
        joint_resampling([[truth[:3]]], truth, "kid")


def test_a_boards_set_scores_get_intervals_over_photos(make_runs):
    """A stand-in network of three numbers per picture."""
    folder = make_runs(generators=["unet"], losses={"l1": 0.0}, seeds=2, photos=6, baselines={"gray": -3.0})
    for path in folder.glob("*/seed-*/record.json"):
        record = read_record(path)
        fid = Score(value=1.0 + record.cell.seed, n=6, higher_is_better=False)
        write_record(record.model_copy(update={"scores": record.scores | {"fid": fid}}), path)
    board = read_board(folder)
    features, truth = board_features(board, embed=lambda rgb: rgb.float().mean(dim=(2, 3)))
    drawn = {"fid": joint_resampling(features, truth, "fid", draws=20)}
    assert set(table(rank_board(board))["fid_interval"]) == {"seeds", "none"}
    resampled = rank_board(board, drawn)
    assert set(table(resampled)["fid_interval"]) == {"seeds + photos", "photos"}
    gray = [entry.label for entry in board.entries].index("gray")  # without seeds: of the draws alone
    spread = drawn["fid"][gray].std(ddof=1)
    assert resampled.full["fid"].half[gray] == pytest.approx(stats.t.ppf(0.975, 19) * spread)
