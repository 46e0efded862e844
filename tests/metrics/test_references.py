import importlib
import pickle

import pandas as pd
import pytest
import torch

from colorbench.color import AbPrior, rgb_to_lab
from colorbench.metrics import METRICS, References, score

pair_module = importlib.import_module("colorbench.metrics.pair")


def test_reference_features_and_lab_are_computed_once_for_all_generators(weights, pair, monkeypatch):
    calls = {"lab": 0, "lpips_features": 0}
    for name, function in (("lab", "rgb_to_lab"), ("lpips_features", "lpips_features")):
        original = getattr(pair_module, function)

        def counted(*args, name=name, original=original):
            calls[name] += 1
            return original(*args)

        monkeypatch.setattr(pair_module, function, counted)
    references = References(pair[1])
    keys = ["delta-e-2000", "delta-e-76", "psnr-ab", "lpips-alex"]
    frames = [score(pair[0], references, keys) for _ in range(4)]
    assert calls == {"lab": 5, "lpips_features": 1}
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0])


def test_without_room_nothing_is_kept_and_values_stay(pair):
    keys = [key for key, row in METRICS.items() if row.per_image and row.needs is None]
    roomless = References(pair[1], keep_bytes=0)
    pd.testing.assert_frame_equal(score(pair[0], roomless, keys), score(pair[0], pair[1], keys))
    assert roomless._batches is None
    assert all(not reference._kept for _, reference in roomless)


def test_the_prior_is_that_of_the_whole_set(pair):
    prior = AbPrior()
    prior.update(rgb_to_lab(pair[1])[:, 1:])
    whole = References(pair[1], batch=1)
    torch.testing.assert_close(whole.bin_weights(), 1 / prior.prior().clamp_min(1e-8))
    assert torch.equal(References(pair[1][:1], part_of=whole).bin_weights(), whole.bin_weights())


def test_batch_zero_is_refused(pair):
    with pytest.raises(ValueError, match="expected batch >= 1"):
        References(pair[1], batch=0)


def test_names_and_length(pair):
    references = References(pair[1])
    assert len(references) == 3
    assert references.names == ["0", "1", "2"]
    assert references.unreadable == {}


def test_references_travel_to_other_processes_after_use(pair):
    references = References(pair[1])
    expected = score(pair[0], references, ["psnr"])
    pd.testing.assert_frame_equal(score(pair[0], pickle.loads(pickle.dumps(references)), ["psnr"]), expected)
