"""Baselines: colorizers that learn nothing, on every board. They bound each score from below and above.

Each is `function(batch, *, mean_ab, other_ab) -> ab`: the photos, the train split's mean ab `(2,)`, and the ab of other
photos `(b, 2, h, w)`. Those of `needs_truth` are `function(truth) -> ab` and exist where the distribution of color is
known: see `bayes`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from colorbench.batch import Batch
from colorbench.color import ab_bins, soft_encode
from colorbench.generators import bayes
from colorbench.tensors import Ab

MeanAb = Float[Tensor, "2"]


@dataclass(frozen=True)
class BaselineRow:
    """One baseline. The oracles look at the truth, so they bound from above.

    Attributes:
        needs_truth: it knows what the pictures are made of, which only a generated data set can tell.
    """

    key: str
    function: Callable[..., Ab]
    source: str
    needs_truth: bool = False


def gray(batch: Batch, *, mean_ab: MeanAb, other_ab: Ab) -> Ab:
    """No color: true lightness, ab = 0."""
    return torch.zeros_like(batch.ab)


def mean(batch: Batch, *, mean_ab: MeanAb, other_ab: Ab) -> Ab:
    """The train split's mean color everywhere."""
    return mean_ab.to(batch.ab).view(1, 2, 1, 1).expand_as(batch.ab).clone()


def shuffled(batch: Batch, *, mean_ab: MeanAb, other_ab: Ab) -> Ab:
    """Another photo's ab under this photo's lightness: plausible colors in wrong places."""
    if other_ab.shape != batch.ab.shape:
        raise ValueError(
            f"other_ab has shape {tuple(other_ab.shape)}, the photos' ab {tuple(batch.ab.shape)}: give one per photo"
        )
    return other_ab.to(batch.ab)


def oracle_quarter(batch: Batch, *, mean_ab: MeanAb, other_ab: Ab) -> Ab:
    """The true ab averaged to 1/4 resolution and enlarged bilinearly: what a quarter-size network could reach."""
    h, w = batch.ab.shape[-2:]
    small = avg_pool2d(batch.ab, 4, ceil_mode=True)
    large = interpolate(small, scale_factor=4, mode="bilinear", align_corners=False)
    return large[..., :h, :w]


def oracle_bins(batch: Batch, *, mean_ab: MeanAb, other_ab: Ab) -> Ab:
    """The true ab, each pixel moved to the nearest of the 313 bins: what hard classification could reach."""
    indices, _ = soft_encode(batch.ab, k=1)
    return ab_bins().to(batch.ab)[indices[:, 0]].permute(0, 3, 1, 2)


BASELINES: dict[str, BaselineRow] = {
    row.key: row
    for row in (
        BaselineRow("gray", gray, "true L, ab = 0"),
        BaselineRow("mean-ab", mean, "the train split's mean ab"),
        BaselineRow("shuffled-ab", shuffled, "another photo's ab"),
        BaselineRow("oracle-quarter", oracle_quarter, "true ab at 1/4 resolution, bilinear"),
        BaselineRow("oracle-bins", oracle_bins, "true ab through the 313 bins"),
        BaselineRow("bayes-mean", bayes.mean, "mean of each material: least squared error", needs_truth=True),
        BaselineRow("bayes-median", bayes.median, "median of each material: least absolute error", needs_truth=True),
        BaselineRow("bayes-delta-e", bayes.delta_e, "ab of least expected CIEDE2000, per material", needs_truth=True),
        BaselineRow("bayes-mode", bayes.mode, "likeliest color of each material", needs_truth=True),
        BaselineRow(
            "bayes-annealed", bayes.annealed, "annealed mean of the exact posterior, T = 0.38", needs_truth=True
        ),
        BaselineRow("bayes-sample", bayes.sample, "a draw per object from its material's colors", needs_truth=True),
    )
}
