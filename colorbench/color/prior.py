"""How often each color bin occurs, and the class weights that even it out.

Source: Zhang, Isola, Efros 2016, section 2.2: the empirical distribution of the train split over the bins,
smoothed by a Gaussian of sigma 5; w = ((1 - lam) p + lam / Q)^-1 with sum p w = 1. Always computed, never
taken from a file: one circulating prior has its mass on gamut corners.
"""

import torch
from torch import Tensor

from colorbench.color.bins import ab_bins
from colorbench.color.encode import nearest_bin
from colorbench.tensors import Ab, checked_floats


class AbPrior:
    """Counts pixels per bin, batch by batch.

    >>> prior = AbPrior()
    >>> prior.update(torch.zeros(1, 2, 4, 4))
    >>> prior.pixels, prior.prior().argmax().item() == prior.counts.argmax().item()
    (16, True)
    """

    def __init__(self, step: int = 10, sigma: float = 5.0):
        if not sigma > 0:
            raise ValueError(f"expected sigma > 0 Lab units, got {sigma}")
        self.step, self.sigma = step, sigma
        self.bins = ab_bins(step)
        self.counts = torch.zeros(len(self.bins), dtype=torch.int64)

    @torch.no_grad()
    def update(self, ab: Ab) -> None:
        """Count the pixels of `(b, 2, h, w)` at their nearest bins. Raises ValueError for values that are not finite."""
        if not checked_floats(ab, "ab", 2).isfinite().all():
            raise ValueError("ab holds NaN or infinite values: check what produced them")
        found = nearest_bin(ab, self.step).flatten()
        self.counts += torch.bincount(found, minlength=len(self.bins)).to(self.counts.device)

    @property
    def pixels(self) -> int:
        """How many pixels were counted."""
        return int(self.counts.sum())

    def prior(self) -> Tensor:
        """The smoothed distribution `(n,)` float32, sum 1."""
        if self.pixels == 0:
            raise ValueError("no pixel was counted yet: call update(ab) with the train split first")
        spread = torch.cdist(self.bins.double(), self.bins.double()).square().div(-2 * self.sigma**2).softmax(0)
        share = self.counts.double() / self.counts.sum()
        return (spread @ share).float()


def class_weights(prior: Tensor, lam: float | int = 0.5) -> Tensor:
    """The weight of each bin `(n,)`: rare colors weigh more, and sum(prior * weights) = 1.

    Args:
        prior: `(n,)`, sums to 1, as `AbPrior.prior()` gives it. Bins of probability 0 (or so small that its
            inverse overflows) are fine: with `lam` 0 they get the weight of the rarest bin that occurs.
        lam: share of the uniform distribution mixed in; 1 weighs all bins alike.
    """
    if not isinstance(prior, Tensor):
        raise TypeError(f"the prior is a {type(prior).__name__}, wanted a tensor (n,), as AbPrior.prior() gives it")
    if prior.ndim != 1 or not prior.is_floating_point():
        raise ValueError(f"expected a float prior of shape (n,), got {prior.dtype} {tuple(prior.shape)}")
    if not 0 <= lam <= 1:
        raise ValueError(f"expected lam in [0, 1], got {lam}")
    if not prior.sum() > 0:
        raise ValueError("the prior sums to 0: count the pixels of a train split first (AbPrior.update)")
    prior = prior / prior.sum()
    mixed = (1 - lam) * prior + lam / len(prior)
    occurs = mixed >= max(torch.finfo(kind).tiny for kind in (prior.dtype, torch.float32))
    weights = 1 / torch.where(occurs, mixed, mixed[occurs].amin())
    return weights / (prior * weights).sum()
