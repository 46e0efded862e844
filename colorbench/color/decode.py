"""From logits over the bins to ab: annealed mean, mean, hard.

Source: Zhang, Isola, Efros 2016, eq. 5: softmax(log z / T), then the expectation; T = 0.38.
T = 1 is the mean (desaturated), T -> 0 the mode (splotches).
"""

import torch
from torch import Tensor

from colorbench.color.bins import ab_bins
from colorbench.tensors import Ab, Logits

STEP_OF_COUNT = {313: 10, 1083: 5, 100: 20}


def annealed_mean(logits: Logits, temperature: float = 0.38, bins: Tensor | None = None) -> Ab:
    """ab `(b, 2, h, w)` of logits `(b, n, h, w)`.

    Args:
        temperature: 1 is the mean, towards 0 the mode.
        bins: `(n, 2)`; not needed for the grids of step 10, 5 and 20 (313, 1083 and 100 bins).
    """
    if not temperature > 0:
        raise ValueError(f"expected temperature > 0, got {temperature}; for the mode use hard_ab")
    bins = _bins_of(logits, bins)
    return torch.einsum("bnhw,nc->bchw", torch.softmax(_wide(logits) / temperature, dim=1), bins)


def mean_ab(logits: Logits, bins: Tensor | None = None) -> Ab:
    """The expected ab `(b, 2, h, w)`: the annealed mean at temperature 1."""
    return annealed_mean(logits, 1.0, bins)


def hard_ab(logits: Logits, bins: Tensor | None = None) -> Ab:
    """ab `(b, 2, h, w)` of the likeliest bin; no gradient."""
    return _bins_of(logits, bins)[logits.argmax(1)].movedim(-1, 1)


def _wide(logits: Tensor) -> Tensor:
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def _bins_of(logits: Tensor, bins: Tensor | None) -> Tensor:
    if logits.ndim != 4:
        raise ValueError(f"expected logits of shape (b, bins, h, w), got {tuple(logits.shape)}")
    count = logits.shape[1]
    if bins is None and count not in STEP_OF_COUNT:
        known = ", ".join(f"{n} (step {step})" for n, step in STEP_OF_COUNT.items())
        raise ValueError(f"{count} logits belong to no known grid; known: {known}; or pass bins=(n, 2)")
    bins = ab_bins(STEP_OF_COUNT[count]) if bins is None else bins
    if bins.shape != (count, 2):
        raise ValueError(f"expected bins of shape ({count}, 2) for {count} logits, got {tuple(bins.shape)}")
    return bins.to(_wide(logits[:0]))
