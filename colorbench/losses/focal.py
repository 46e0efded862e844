"""Focal cross-entropy over the colour bins: easy pixels weigh less (Lin 2017, gamma 2), with soft targets.

Per pixel -sum_k w_k (1 - p_k)^gamma log p_k over the k bins of the soft encoding. gamma 0 is plain cross-entropy.
Range: >= 0, nats.
"""

import torch

from colorbench.losses.bin_cross_entropy import sparse_log_softmax
from colorbench.losses.classification import encode
from colorbench.losses.precision import full_precision
from colorbench.tensors import Ab, Logits, PerImage

LEAST_MISS = 1e-7  # keeps the slope of (1 - p)^gamma finite at p = 1 for gamma < 1


@full_precision
def focal(logits: Logits, ab: Ab, *, gamma: float = 2.0, k: int = 10, sigma: float = 5.0) -> PerImage:
    """Focal cross-entropy with the soft encoding of ab, mean over pixels.

    Args:
        logits: `(b, 313, h', w')`.
        ab: `(b, 2, h, w)` in Lab units; sampled at the logits' size as in classification.
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
