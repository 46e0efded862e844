"""FID and KID have no value per photo: their interval over photos comes from resampling the photos.

Each draw takes the same photos, with replacement, for every entry and seed at once, so that differences between entries
keep the pairing; seeds stay outside. Both distances follow from Gram matrices of the features, so a draw costs one
look-up instead of a pass over the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from colorbench.leaderboard.entries import Board, Run
from colorbench.metrics.fid import fid_of_grams, grams
from colorbench.metrics.kid import kid_of_draws

DRAWS, SEED = 200, 0


def joint_resampling(
    features: Sequence[Sequence[Float[np.ndarray, "_ _"]]],
    truth: Float[np.ndarray, "p d"],
    key: str,
    draws: int = DRAWS,
) -> Float[np.ndarray, "n draws"]:
    """A set score of every entry, averaged over its seeds, under each draw of the photos.

    Args:
        features: per entry, per seed, the features of its predictions; row k belongs to photo k everywhere.
        truth: features of the true photos.
        key: `fid` or `kid`.

    Raises:
        KeyError: another key.
        ValueError: features of different photos.
    """
    if key not in _DRAWN:
        raise KeyError(f"no joint resampling for {key!r}; known: {', '.join(_DRAWN)}")
    if wrong := {seed.shape for entry in features for seed in entry} - {truth.shape}:
        raise ValueError(
            f"features of shape {sorted(wrong)[0]} beside those of the photos {truth.shape}: score all photos"
        )
    picks = torch.from_numpy(np.random.default_rng(SEED).integers(0, len(truth), (draws, len(truth))))
    drawn = _DRAWN[key]
    return np.stack([np.mean([drawn(seed, truth, picks) for seed in entry], axis=0) for entry in features])


def _fid_draws(pred: np.ndarray, truth: np.ndarray, picks: Tensor) -> np.ndarray:
    products = grams(torch.from_numpy(pred), torch.from_numpy(truth))
    return np.array([fid_of_grams(*(product[pick][:, pick] for product in products)) for pick in picks])


def _kid_draws(pred: np.ndarray, truth: np.ndarray, picks: Tensor) -> np.ndarray:
    counts = torch.stack([pick.bincount(minlength=len(truth)) for pick in picks]).double()
    return kid_of_draws(*grams(torch.from_numpy(pred), torch.from_numpy(truth)), pred.shape[1], counts).numpy()


_DRAWN = {"fid": _fid_draws, "kid": _kid_draws}


def board_features(board: Board, embed: Callable[[Tensor], Tensor] | None = None):
    """Features of every prediction and photo, `(features, truth)`, as `joint_resampling` takes them; needs all pictures.

    Args:
        embed: uint8 RGB `(n, 3, h, w)` -> `(n, d)`; default: Inception, whose weights are then needed.

    Raises:
        WeightsMissing: without the Inception weights.
        ValueError: a run that kept no pictures.
    """
    from colorbench.leaderboard.plots.pictures import photo_names, truth
    from colorbench.metrics.fid import inception_features

    embed, names = embed or inception_features, sorted(photo_names(board))
    found = [[_run_features(run, names, embed) for run in entry.runs] for entry in board.entries]
    return found, _features([truth(board, name) for name in names], embed)


def _run_features(run: Run, names: list[str], embed) -> np.ndarray:
    from colorbench.leaderboard.plots.pictures import run_prediction

    pictures = [run_prediction(run, name) for name in names]
    if any(picture is None for picture in pictures):
        raise ValueError(f"{run.name} kept no predictions: its set scores have no interval over photos")
    return _features(pictures, embed)


def _features(pictures: list, embed) -> np.ndarray:
    from colorbench.leaderboard.plots.pictures import as_tensor

    return np.concatenate([embed(as_tensor(picture)).numpy() for picture in pictures])
