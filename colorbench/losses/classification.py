"""Classification over the 313 color bins, rebalanced towards rare colors (Zhang, Isola, Efros 2016); and focal loss.

Targets: soft encoding of ab with the k nearest bins, sigma 5; k = 10 as the authors' code, k = 5 as the paper prints.
Rebalancing: every pixel weighs as its arg-max bin, w = ((1 - lam) p + lam / Q)^-1 with sum p w = 1 over the own
train split's prior p. The authors multiply in the backward pass only and log the loss without it: here the
minimized value is the rebalanced one, whose gradient is theirs, and the plain one is a part of its own,
`classification-unweighted`. Photos without color (no abs(ab) > 5) are left out: 0 in `(b,)`, and the mean is
over the others. Range: >= 0, nats; not 0 at best, but the targets' entropy (1.421 for k = 10 on photos).

Resolution: the authors compare at a quarter, ab[::4, ::4] with logits of (h / 4, w / 4). Logits of another size
are compared where they are: ab is sampled with the stride that gives their size, else at the nearest pixels.

Focal (Lin 2017, gamma 2): easy pixels weigh less. Per pixel -sum_k w_k (1 - p_k)^gamma log p_k over the k bins of the soft
encoding; gamma 0 is plain cross-entropy.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.color import class_weights, soft_encode
from colorbench.losses.bin_cross_entropy import cross_entropy, sparse_log_softmax
from colorbench.losses.inputs import check_logits, takes_logits
from colorbench.tensors import Ab, BinIndices, BinWeights, Logits, PerImage, checked_shares

GRAY_LIMIT = 5.0  # Lab units, the authors' NonGrayMaskLayer
PRIOR_SHARE = 0.5  # lam
BINS = 313
LEAST_MISS = 1e-7  # keeps the slope of (1 - p)^gamma finite at p = 1 for gamma < 1
_HINT = "use the head 'bins' (--head bins) with this loss"


class Target(NamedTuple):
    """Soft targets at the logits' size: the bins, their weights, and which photos have color at all."""

    indices: BinIndices
    weights: BinWeights
    has_color: Tensor


@takes_logits(BINS, _HINT)
def classification(
    logits: Logits,
    ab: Ab,
    *,
    k: int = 10,
    sigma: float = 5.0,
    weights: Tensor | None = None,
) -> PerImage:
    """Cross-entropy with the soft encoding of ab, mean over pixels; 0 for photos without color.

    Args:
        logits: `(b, 313, h', w')`.
        ab: `(b, 2, h, w)` in Lab units, at least as large.
        k, sigma: of the soft encoding.
        weights: class weights `(313,)` as `class_weights(prior)` gives them; None: every pixel weighs 1.
    """
    weights = None if weights is None else checked_shares(weights, "weights", BINS).to(logits)
    target = encode(logits, ab, k, sigma)
    values = cross_entropy(logits, target.indices, target.weights)
    if weights is not None:
        values = values * weights[likeliest(target)]
    return values.mean(dim=(1, 2)) * target.has_color


@takes_logits(BINS, _HINT)
def focal(logits: Logits, ab: Ab, *, gamma: float = 2.0, k: int = 10, sigma: float = 5.0) -> PerImage:
    """Focal cross-entropy with the soft encoding of ab, mean over pixels.

    Args:
        logits: `(b, 313, h', w')`.
        ab: `(b, 2, h, w)` in Lab units; sampled at the logits' size.
        gamma: how much less easy pixels weigh.
        k, sigma: of the soft encoding.
    """
    if gamma < 0:
        raise ValueError(f"gamma of focal must be at least 0, got {gamma}")
    target = encode(logits, ab, k, sigma)
    log_share = sparse_log_softmax(logits, target.indices)
    miss = -torch.expm1(log_share)
    per_bin = miss.clamp_min(LEAST_MISS) ** gamma * -log_share if gamma else -log_share
    return (target.weights * per_bin).sum(dim=1).mean(dim=(1, 2))


@torch.no_grad()
def encode(logits: Logits, ab: Ab, k: int = 10, sigma: float = 5.0) -> Target:
    """The soft targets of ab at the logits' size."""
    indices, weights = soft_encode(sample(ab, logits.shape[-2:]), k=k, sigma=sigma)
    return Target(indices, weights, has_color(ab).to(weights.dtype))


def has_color(ab: Ab) -> Tensor:
    """Which photos have a pixel with abs(a) or abs(b) above 5, `(b,)`."""
    return (ab.abs() > GRAY_LIMIT).flatten(1).any(dim=1)


def likeliest(target: Target) -> Tensor:
    """The bin of largest weight of every pixel, `(b, h', w')`."""
    return target.indices.gather(1, target.weights.argmax(dim=1, keepdim=True)).squeeze(1)


def sample(ab: Ab, size: tuple[int, ...]) -> Float[Tensor, "b 2 hq wq"]:
    """ab at another size: every s-th pixel where a whole stride s gives that size, the nearest pixels where none does."""
    height, width = ab.shape[-2:]
    if size[0] > height or size[1] > width:
        raise ValueError(f"logits of {tuple(size)} are larger than the photo's {(height, width)}; shrink them first")
    stride = math.ceil(height / size[0])
    if (math.ceil(height / stride), math.ceil(width / stride)) == tuple(size):
        return ab[..., ::stride, ::stride]
    return F.interpolate(ab, size=tuple(size), mode="nearest")


class ClassificationTerm(nn.Module):
    """Classification in an objective: keeps the split's prior, gives the rebalanced and the plain value.

    Args:
        k, sigma: of the soft encoding.
        rebalance: weigh rare colors more; needs `set_prior`.
        lam: share of the uniform distribution in the class weights.
    """

    prior: Tensor
    class_weights: Tensor

    def __init__(self, *, k: int = 10, sigma: float = 5.0, rebalance: bool = True, lam: float = PRIOR_SHARE):
        super().__init__()
        self.k, self.sigma, self.needs_prior, self.lam = k, sigma, rebalance, lam
        class_weights(torch.full((2,), 0.5), lam)  # refuses lam outside [0, 1]
        soft_encode(torch.zeros(1, 2, 1, 1), k=k, sigma=sigma)  # refuses an unfit k or sigma
        self.prior_known = False
        if rebalance:
            self.register_buffer("prior", torch.full((BINS,), math.nan))
            self.register_buffer("class_weights", torch.ones(BINS), persistent=False)
            self.register_load_state_dict_post_hook(lambda term, _: term._weigh())

    def set_prior(self, prior: Tensor) -> None:
        """The smoothed distribution `(313,)` of the train split over the bins."""
        prior = torch.as_tensor(prior)
        if prior.shape != self.prior.shape:
            raise ValueError(f"expected a prior of shape {tuple(self.prior.shape)}, got {tuple(prior.shape)}")
        if not (bool((prior >= 0).all()) and abs(float(prior.sum()) - 1) < 1e-3):
            raise ValueError("a prior holds shares of at least 0 that sum to 1; use AbPrior().prior()")
        self.prior.copy_(prior)
        self._weigh()

    def forward(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        logits, ab = check_logits(output.logits, batch.ab, BINS, _HINT)
        target = encode(logits, ab, self.k, self.sigma)
        plain = cross_entropy(logits, target.indices, target.weights)
        if not self.needs_prior:
            return {"": _mean_of_colored(plain, target)}
        if not self.prior_known:
            raise ValueError(
                "classification needs the prior of the train split to rebalance: call objective.set_prior(prior) with "
                "the prior() of an AbPrior, or write classification(rebalance=False)"
            )
        rebalanced = plain * self.class_weights[likeliest(target)]
        return {"": _mean_of_colored(rebalanced, target), "unweighted": _mean_of_colored(plain.detach(), target)}

    def _weigh(self) -> None:
        self.prior_known = bool(self.prior.isfinite().all())
        if self.prior_known:
            self.class_weights.copy_(class_weights(self.prior, self.lam))


def _mean_of_colored(values: Tensor, target: Target) -> Tensor:
    """Mean over the pixels of the photos that have color; 0 if none has."""
    return (values.mean(dim=(1, 2)) * target.has_color).sum() / target.has_color.sum().clamp_min(1)
