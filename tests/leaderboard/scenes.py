"""A run folder of generated scenes, with entries whose behavior is known."""

from pathlib import Path

import numpy as np
import torch

from colorbench.batch import Batch, Output
from colorbench.cell import Recipe
from colorbench.data import load_dataset_photos
from colorbench.data.mixtures import TRUTH
from colorbench.files import RECORD, REFERENCES
from colorbench.generators import BASELINES
from colorbench.record import write_record
from colorbench.training.evaluate import (
    baseline_predict,
    predict_all,
    rate_predictions,
    save_pictures,
    save_scores,
)
from tests.leaderboard.conftest import a_record, board_protocol

SCENES, SIZE = 60, 32
SHOWN = ("delta-e-2000", "psnr", "colorfulness")
ENTRIES = {"averager": "bayes-mean", "decider": "bayes-mode", "hedger": "bayes-sample"}


def write_scenes(root: Path) -> Path:
    """Every baseline, and three "trained" entries of two seeds: a Bayes baseline with a little error in each object."""
    protocol = board_protocol(dataset="mixtures", size_px=SIZE, limit_train=4, limit_test=SCENES)
    test = load_dataset_photos(
        "mixtures", size_px=SIZE, limit_train=4, limit_test=SCENES, cache_dir=root / "cache"
    ).test
    folder = root / "runs" / "scenes"
    save_pictures(folder / REFERENCES, torch.from_numpy(np.array(test.pixels)), test.ids)
    test.truth.write(folder / TRUTH)

    def predictions(key, error=0.0, seed=0):
        predict = baseline_predict(key, test, 0, torch.zeros(2), torch.device("cpu"))
        draws = torch.Generator().manual_seed(seed)

        def changed(truth: Batch, rows: list[int]) -> Output:
            ab = predict(truth, rows).ab + error * torch.randn(len(rows), 2, 1, 1, generator=draws)
            return Output.from_ab(ab, truth.lightness)

        return predict_all(changed, test, batch=16, device=torch.device("cpu"))

    def write(recipe: Recipe, seed: int, pictures) -> None:
        found = rate_predictions(pictures, test, SHOWN)
        place = folder / recipe.label / f"seed-{seed}"
        place.mkdir(parents=True)
        save_scores(place, found, test)
        save_pictures(place / "predictions", pictures, test.ids)
        write_record(a_record(recipe, seed, found.scores, protocol), place / RECORD)

    for key, row in BASELINES.items():
        if row.needs_truth or key in ("gray", "shuffled-ab"):
            write(Recipe(generator=key), 0, predictions(key))
    for name, key in ENTRIES.items():
        for seed in range(2):
            write(Recipe(generator="unet", loss="l1", name=name), seed, predictions(key, 1.5, seed + 1))
    return folder
