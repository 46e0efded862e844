"""What the train split is like: the mean ab and the prior over the colour bins. Computed at set-up, off the clock."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from colorbench.batch import Batch
from colorbench.color import AbPrior
from colorbench.data.photoset import PhotoSet

MOST_PHOTOS = 10_000  # evenly spaced; beyond them the estimate does not move
_BATCH = 64


class SplitStatistics(NamedTuple):
    """`mean_ab` `(2,)` in Lab units; `prior` `(313,)`, smoothed, sum 1."""

    mean_ab: Tensor
    prior: Tensor


def split_statistics(photos: PhotoSet, device: torch.device) -> SplitStatistics:
    """Statistics of a train split, from every fourth pixel each way (what the classification loss sees)."""
    rows = np.unique(np.linspace(0, len(photos) - 1, min(len(photos), MOST_PHOTOS)).astype(int))
    prior, total, pixels = AbPrior(), torch.zeros(2, dtype=torch.float64), 0
    for start in range(0, len(rows), _BATCH):
        block = torch.from_numpy(np.array(photos.pixels[rows[start : start + _BATCH]]))[..., ::4, ::4]
        ab = Batch.from_rgb(block.contiguous().to(device)).ab
        prior.update(ab)
        total += ab.double().sum(dim=(0, 2, 3)).cpu()
        pixels += ab[:, 0].numel()
    return SplitStatistics((total / pixels).float(), prior.prior())
