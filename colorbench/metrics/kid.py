"""Kernel Inception distance between two sets of pictures; 0 in expectation for the same distribution.

Binkowski 2018: the unbiased squared maximum mean discrepancy under the kernel (x.y / d + 1)^3 on Inception features.
Unlike FID it has no bias of set size, so it is the one to read below some thousand pictures; it may be slightly
negative. Above 1000 pictures it is the mean over 100 random subsets of 1000, drawn as torch-fidelity draws them.
"""

import numpy as np
import torch
from torch import Tensor

from colorbench.metrics.fid import inception_features
from colorbench.tensors import Rgb, Scalar

SUBSETS, SUBSET_SIZE, SEED = 100, 1000, 2020


def kid(pred: Rgb, target: Rgb) -> Scalar:
    """KID between two sets of pictures.

    Raises:
        WeightsMissing: without the Inception weights.
    """
    return torch.tensor(kid_of(inception_features(pred), inception_features(target)))


def kid_of(
    pred: Tensor, target: Tensor, *, subsets: int = SUBSETS, subset_size: int = SUBSET_SIZE, seed: int = SEED
) -> float:
    """KID from the features `(n, d)` of both sets; sets that fit in one subset are compared whole."""
    pred, target = pred.double(), target.double()
    if min(len(pred), len(target)) < 2:
        raise ValueError(f"KID needs at least 2 pictures a set, got {len(pred)} and {len(target)}: score more pictures")
    if max(len(pred), len(target)) <= subset_size:
        return squared_mmd(pred, target).item()
    size = min(subset_size, len(pred), len(target))
    draw = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        first = pred[draw.choice(len(pred), size, replace=False)]
        second = target[draw.choice(len(target), size, replace=False)]
        values.append(squared_mmd(first, second))
    return torch.stack(values).mean().item()


def squared_mmd(x: Tensor, y: Tensor) -> Tensor:
    """The unbiased squared maximum mean discrepancy of `(m, d)` and `(n, d)` features, cubic polynomial kernel."""
    m, n = len(x), len(y)
    xx, yy, xy = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    within = (xx.sum() - xx.trace()) / (m * (m - 1)) + (yy.sum() - yy.trace()) / (n * (n - 1))
    return within - 2 * xy.mean()


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3
