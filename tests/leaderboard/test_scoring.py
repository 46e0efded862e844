"""Folders scored in parts: the same as in one go, stopped or not."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from colorbench.leaderboard import scoring
from colorbench.leaderboard.scoring import score_folders_in_parts, score_in_parts
from colorbench.metrics import score_folders

METRICS = ["psnr", "delta-e-2000", "ab-auc-rebalanced"]


@pytest.fixture
def folders(tmp_path, rng):
    """40 photos of two sizes; predictions of 38 of them, one of them broken, one equal, one beyond."""
    for name in ("made", "true"):
        (tmp_path / name).mkdir()
    for k in range(40):
        size = (20, 24) if k % 3 else (24, 24)
        true = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        made = np.clip(true.astype(int) + rng.integers(-30, 30, true.shape), 0, 255).astype(np.uint8)
        Image.fromarray(true).save(tmp_path / "true" / f"p{k:02d}.png")
        if k > 1:
            Image.fromarray(true if k == 5 else made).save(tmp_path / "made" / f"p{k:02d}.png")
    (tmp_path / "made" / "p07.png").write_bytes(b"no picture")
    Image.fromarray(made).save(tmp_path / "made" / "other.webp")
    return tmp_path / "made", tmp_path / "true"


def test_in_parts_is_as_in_one_go(folders, tmp_path):
    told = []
    frame = score_folders_in_parts(*folders, METRICS, tmp_path / "parts", on_progress=lambda *now: told.append(now))
    whole = score_folders(*folders, METRICS)
    pd.testing.assert_frame_equal(frame, whole, check_exact=False, rtol=1e-5, atol=1e-7)
    for key in ("missing", "set", "notes", "versions", "unmatched", "identical"):
        assert frame.attrs[key] == whole.attrs[key], key
    assert list(frame.attrs["unreadable"]) == list(whole.attrs["unreadable"]) == ["p07"]
    assert told[-1] == (38, 38)


def test_a_stopped_scoring_goes_on_to_the_same_digits(folders, tmp_path, monkeypatch):
    undisturbed = score_folders_in_parts(*folders, METRICS, tmp_path / "one")
    calls, real = [], scoring.score

    def stopped(*args, **more):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args, **more)

    monkeypatch.setattr(scoring, "score", stopped)
    with pytest.raises(KeyboardInterrupt):
        score_folders_in_parts(*folders, METRICS, tmp_path / "two")
    resumed = score_folders_in_parts(*folders, METRICS, tmp_path / "two")
    assert len(calls) == 4
    pd.testing.assert_frame_equal(undisturbed, resumed, check_exact=True)
    assert undisturbed.attrs == resumed.attrs


def test_another_photo_moves_the_prior_of_all(folders, tmp_path):
    before = score_folders_in_parts(*folders, METRICS, tmp_path / "parts")
    Image.fromarray(np.full((24, 24, 3), (250, 10, 10), np.uint8)).save(folders[1] / "p03.png")
    Image.fromarray(np.full((24, 24, 3), (250, 10, 10), np.uint8)).save(folders[0] / "p03.png")
    after = score_folders_in_parts(*folders, METRICS, tmp_path / "parts")
    assert after.loc["p39", "psnr"] == before.loc["p39", "psnr"]
    assert after.loc["p39", "ab-auc-rebalanced"] != before.loc["p39", "ab-auc-rebalanced"]


def test_a_board_s_photos_share_one_prior(folders, tmp_path):
    """Re-scoring in parts must give what the run gave in one go."""
    for path in [*folders[0].iterdir(), *folders[1].iterdir()]:
        if path.stem in ("p00", "p01", "p07", "other"):
            path.unlink()
    frame, missing = score_in_parts(*folders, METRICS, tmp_path / "parts")
    whole = score_folders(*folders, METRICS)
    assert missing == {}
    np.testing.assert_allclose(frame["ab-auc-rebalanced"], whole["ab-auc-rebalanced"], rtol=1e-5)


def test_no_common_name_is_said(folders, tmp_path):
    for path in list(folders[0].iterdir()):
        path.rename(path.with_name(f"x{path.name}"))
    with pytest.raises(ValueError, match="no prediction has the name"):
        score_folders_in_parts(*folders, METRICS, tmp_path / "parts")
