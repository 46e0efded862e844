"""Folders scored in parts: the same as in one go, stopped or not."""

import os

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


def test_what_is_no_file_is_left_out_by_name(folders, tmp_path, monkeypatch):
    """A link that leads nowhere, a pipe, one that may not be read (the tests may run as root), one far too large."""
    made, _ = folders
    for name in ("p10.png", "p11.png", "p13.png"):
        (made / name).unlink()
    (made / "p10.png").symlink_to(made / "absent.png")
    os.mkfifo(made / "p11.png")
    with (made / "p13.png").open("wb") as file:
        file.truncate(20_000_000_000)
    real = scoring.file_sha256

    def sha256(path):
        if path == made / "p12.png":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(scoring, "file_sha256", sha256)
    frame = score_folders_in_parts(*folders, ["psnr"], tmp_path / "parts")
    assert set(frame.attrs["unreadable"]) == {"p07", "p10", "p11", "p13"}
    assert "20.0 GB; a picture file has at most 1 GB" in frame.attrs["unreadable"]["p13"]
    assert "p12" in frame.index


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:40], lambda whole: whole.replace(b"1", b"2", 1), lambda whole: b"[]"]
)
def test_a_damaged_part_is_computed_again(folders, tmp_path, damage):
    first = score_folders_in_parts(*folders, ["psnr"], tmp_path / "parts")
    for part in (tmp_path / "parts").glob("*.json"):
        part.write_bytes(damage(part.read_bytes()))
    pd.testing.assert_frame_equal(score_folders_in_parts(*folders, ["psnr"], tmp_path / "parts"), first)
