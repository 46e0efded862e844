"""Kernel Inception distance between two sets of pictures; 0 in expectation for the same distribution.

Binkowski 2018: the unbiased squared maximum mean discrepancy under the kernel (x.y / d + 1)^3 on Inception features.
Unlike FID it has no bias of set size, so it is the one to read below some thousand pictures; it may be slightly
negative. Sets of one length are the U-statistic of Gretton 2012 (lemma 6), which leaves out the pairs i = j: predictions
against their own photos are no independent sets, and with those pairs identical sets would give -.008 at 100 pictures.
Above 1000 pictures it is the mean over 100 random subsets of 1000, drawn as torch-fidelity draws them; from sets of one
length the same pictures are drawn on both sides.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from colorbench.metrics.fid import check_counts, grams, inception_features
from colorbench.tensors import Rgb, Rgb8, Scalar

SUBSETS, SUBSET_SIZE, SEED = 100, 1000, 2020


def kid(pred: Rgb | Rgb8, target: Rgb | Rgb8) -> Scalar:
    """KID between two sets of pictures; picture i of one set may belong to picture i of the other.

    Raises:
        WeightsMissing: the Inception weights are unavailable.
        TooFewPictures: a set of fewer than 2.
    """
    return torch.tensor(kid_of(inception_features(pred), inception_features(target)))


def kid_of(
    pred: Float[Tensor, "m d"],
    target: Float[Tensor, "n d"],
    *,
    subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
    seed: int = SEED,
) -> float:
    """KID from the features of both sets; sets that fit in one subset are compared whole."""
    check_counts(pred, target)
    pred, target = pred.double(), target.double()
    if max(len(pred), len(target)) <= subset_size:
        return squared_mmd(pred, target)
    size = min(subset_size, len(pred), len(target))
    draw = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        first = draw.choice(len(pred), size, replace=False)
        second = first if len(pred) == len(target) else draw.choice(len(target), size, replace=False)
        values.append(squared_mmd(pred[first], target[second], paired=len(pred) == len(target)))
    return float(np.mean(values))


def squared_mmd(x: Tensor, y: Tensor, paired: bool | None = None) -> float:
    """The unbiased squared maximum mean discrepancy of `(m, d)` and `(n, d)` features; paired: see `kid_of_grams`."""
    return kid_of_grams(*grams(x, y), x.shape[1], paired)


def kernel(gram: Tensor, width: int) -> Tensor:
    """The kernel (x.y / d + 1)^3 from inner products of features of this width."""
    return (gram / width + 1) ** 3


def kid_of_draws(
    xx: Float[Tensor, "n n"],
    yy: Float[Tensor, "n n"],
    xy: Float[Tensor, "n n"],
    width: int,
    counts: Float[Tensor, "r n"],
) -> Float[Tensor, "r"]:
    """KID of paired sets under r draws with replacement, which take picture i `counts[:, i]` times.

    A picture that was drawn twice stands at two places, and would be compared with itself and its own photo: these pairs are
    left out like those with i = j, without which every draw is too large by O(1 / n).
    """
    both = kernel(xx, width) + kernel(yy, width) - kernel(xy, width) - kernel(xy, width).T
    both.fill_diagonal_(0)
    return ((counts @ both) * counts).sum(dim=1) / (counts.sum(dim=1).square() - counts.square().sum(dim=1))


def kid_of_grams(
    xx: Float[Tensor, "m m"], yy: Float[Tensor, "n n"], xy: Float[Tensor, "m n"], width: int, paired: bool | None = None
) -> float:
    """KID from the inner products of features of this width, float64.

    Args:
        paired: whether x_i may belong to y_i, so that the pairs i = j are left out; default: sets of one length.
    """
    m, n = xy.shape
    xx, yy, xy = (kernel(gram, width) for gram in (xx, yy, xy))
    within = (xx.sum() - xx.trace()) / (m * (m - 1)) + (yy.sum() - yy.trace()) / (n * (n - 1))
    if paired if paired is not None else m == n:
        return (within - 2 * (xy.sum() - xy.trace()) / (n * (n - 1))).item()
    return (within - 2 * xy.mean()).item()
