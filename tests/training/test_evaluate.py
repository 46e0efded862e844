"""Evaluation: what lies on disk is what was scored."""

import numpy as np
import pytest
import torch

from colorbench.batch import Batch
from colorbench.data import PhotoSet
from colorbench.training.evaluate import baseline_predict
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
