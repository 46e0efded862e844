"""Evaluation: what lies on disk is what was scored."""

import numpy as np
import pytest
import torch

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
