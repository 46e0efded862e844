"""Evaluation: what lies on disk is what was scored."""

import numpy as np
import pytest
import torch

from colorbench.batch import Batch
from colorbench.data import PhotoSet
from colorbench.files import PREDICTIONS, SCORES
from colorbench.leaderboard.untrusted import folder_sha256
from colorbench.training.evaluate import baseline_predict, evaluate, save_evaluation
from colorbench.training.train import train
from tests.training.cells import small_cell

METRICS = ("psnr", "delta-e-2000")


def test_predictions_on_disk_are_what_was_scored(tmp_path):
    import pandas as pd

    from colorbench.data import load_protocol_photos
    from colorbench.metrics import score
    from colorbench.photo import decode_photo

    cell = small_cell()
    record = train(cell, tmp_path, metrics=METRICS)
    test = load_protocol_photos(cell.protocol, None).test
    frame = pd.read_parquet(tmp_path / "scores.parquet")
    assert list(frame["photo"]) == test.ids
    pictures = np.stack([decode_photo(tmp_path / "predictions" / f"{name}.png") for name in test.ids])
    again = score(
        torch.from_numpy(pictures).permute(0, 3, 1, 2), torch.from_numpy(np.array(test.pixels)), list(METRICS)
    )
    assert np.allclose(again["psnr"], frame["psnr"])
    assert record.scores["psnr"].value == pytest.approx(frame["psnr"].mean())


def test_a_single_photo_is_not_its_own_shuffle():
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3, 16, 16), dtype=np.uint8)
    photos = PhotoSet.from_pixels(pixels)
    predict = baseline_predict("shuffled-ab", photos, 0, torch.zeros(2), torch.device("cpu"))
    batch = Batch.from_rgb(torch.from_numpy(pixels))
    ab = predict(batch, [0]).ab
    assert (ab - batch.ab).abs().mean() > 5
    torch.testing.assert_close(ab.flatten(2).mean(2), batch.ab.flatten(2).mean(2))


def test_bayes_baselines_are_refused_on_photos():
    photos = PhotoSet.from_pixels(np.zeros((2, 3, 16, 16), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"bayes-mean needs .*use the dataset 'mixtures'"):
        baseline_predict("bayes-mean", photos, 0, torch.zeros(2), torch.device("cpu"))


def gray_evaluation():
    """Two photos and what the gray baseline gives for them."""
    photos = PhotoSet.from_pixels(np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16), dtype=np.uint8))
    device = torch.device("cpu")
    return evaluate(baseline_predict("gray", photos, 0, torch.zeros(2), device), photos, ("psnr",)), photos


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_failed_write_loses_no_predictions(tmp_path, monkeypatch, failing):
    """The first picture, the second, or the samples."""
    from PIL import Image

    found, photos = gray_evaluation()
    files = save_evaluation(tmp_path, found, photos)
    names = sorted(path.name for path in tmp_path.iterdir())
    save, saved = Image.Image.save, []

    def full(picture, *args, **options):
        saved.append(picture)
        if len(saved) == failing:
            raise OSError(28, "No space left on device")
        save(picture, *args, **options)

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space left"):
        save_evaluation(tmp_path, found, photos)
    assert folder_sha256(tmp_path / PREDICTIONS) == files[PREDICTIONS]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_predictions_are_exactly_the_new_ones(tmp_path):
    found, photos = gray_evaluation()
    for folder in (PREDICTIONS, f".part-{PREDICTIONS}"):  # old ones, and those of an attempt that was killed
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "another.png").write_bytes(b"")
    files = save_evaluation(tmp_path, found, photos)
    assert list(files) == [SCORES, PREDICTIONS]
    assert sorted(path.stem for path in (tmp_path / PREDICTIONS).iterdir()) == sorted(photos.ids)
    assert not (tmp_path / f".part-{PREDICTIONS}").exists()
