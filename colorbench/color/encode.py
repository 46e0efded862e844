"""Soft encoding of ab over the bins, sparse.

Source: Zhang, Isola, Efros 2016, section 2.2: the k nearest bins, weighted by a Gaussian of their distance,
w = exp(-d^2 / (2 sigma^2)) normalised to sum 1. The paper says k = 5; its author calls that a typo, the code
used 10.
"""

import torch
from torch import Tensor

from colorbench.color.bins import ab_bins
from colorbench.color.srgb import unit_float
from colorbench.tensors import Ab, BinIndices, BinWeights

CHUNK = 1 << 16


def soft_encode(ab: Ab, k: int = 10, sigma: float = 5.0, step: int = 10) -> tuple[BinIndices, BinWeights]:
    """The k nearest bins of every pixel `(b, k, h, w)` and their weights, which sum to 1 over k.

    Args:
        ab: `(b, 2, h, w)` in Lab units.
        k: neighbours; 10 as the authors' code, 5 as the paper.
        sigma: of the Gaussian, in Lab units.
        step: of the grid; 10 gives the 313 bins.
    """
    if not sigma > 0:
        raise ValueError(f"expected sigma > 0 Lab units, got {sigma}")
    indices, squared = nearest(ab, k, step)
    return indices, torch.softmax(squared / (-2 * sigma**2), dim=1)


def densify(indices: BinIndices, weights: BinWeights, bins: int = 313) -> Tensor:
    """The sparse encoding as a distribution over all bins `(b, bins, h, w)`: 1.3 GB at 16 x 256 x 256."""
    b, _, h, w = indices.shape
    return weights.new_zeros(b, bins, h, w).scatter_add(1, indices, weights)


def nearest(ab: Tensor, k: int, step: int) -> tuple[Tensor, Tensor]:
    """Indices and squared distances `(b, k, h, w)` of the k nearest bins, nearest first."""
    ab = unit_float(ab, "ab", channels=2)
    bins = ab_bins(step).to(ab)
    if not 1 <= k <= len(bins):
        raise ValueError(f"expected k between 1 and the {len(bins)} bins of step {step}, got {k}")
    b, _, h, w = ab.shape
    pixels = ab.movedim(1, -1).reshape(-1, 2)
    found = [_search(chunk, bins, k) for chunk in pixels.split(CHUNK)] or [_search(pixels, bins, k)]
    indices = torch.cat(found).reshape(b, h, w, k).movedim(-1, 1)
    offsets = ab.unsqueeze(2) - bins[indices].movedim(-1, 1)
    return indices, offsets.square().sum(1)


@torch.no_grad()
def _search(pixels: Tensor, bins: Tensor, k: int) -> Tensor:
    squared = sum((pixels[:, None, axis] - bins[:, axis]).square() for axis in (0, 1))
    return squared.topk(k, largest=False).indices
