"""From logits over the bins to ab: annealed mean and mode.

Source: Zhang, Isola, Efros 2016, eq. 5: softmax(log z / T), then the expectation; T = 0.38.
T = 1 is the mean (desaturated), T -> 0 the mode (splotches).
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import no_type_check

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from colorbench.color.bins import ab_bins
from colorbench.tensors import Ab, Logits, checked_floats

TILE_PIXELS = 4096
CHUNK_BINS = 128  # with TILE_PIXELS 2 MB of float32: in the second-level caches
STEP_OF_COUNT = {313: 10, 1083: 5, 100: 20}


def annealed_mean(logits: Logits, temperature: float = 0.38, bins: Tensor | None = None) -> Ab:
    """ab `(b, 2, h, w)` of logits `(b, n, h, w)`.

    Args:
        temperature: 1 is the mean, towards 0 the mode.
        bins: `(n, 2)`; not needed for the grids of step 10, 5 and 20 (313, 1083 and 100 bins).
    """
    if not temperature > 0:
        raise ValueError(f"expected temperature > 0, got {temperature}; for the mode use hard_ab")
    logits = checked_floats(logits, "logits")
    bins = _bins_of(logits, bins)
    with torch.autocast(logits.device.type, enabled=False):
        if torch.compiler.is_compiling():  # the surrounding compiler fuses it
            return torch.einsum("bnhw,nc->bchw", torch.softmax(logits / temperature, dim=1), bins)
        return _AnnealedMean.apply(logits, bins, float(temperature))[0]


def hard_ab(logits: Logits, bins: Tensor | None = None) -> Ab:
    """ab `(b, 2, h, w)` of the likeliest bin; no gradient. NaN among a pixel's logits gives NaN."""
    logits = checked_floats(logits, "logits")
    highest, likeliest = logits.detach().max(1)
    ab = _bins_of(logits, bins)[likeliest].movedim(-1, 1)
    return ab.masked_fill(highest.isnan()[:, None], torch.nan)


@no_type_check
class _AnnealedMean(torch.autograd.Function):
    """An online softmax in tiles that stay in the cache: logits are read once, no distribution is ever stored."""

    @staticmethod
    def forward(logits: Tensor, bins: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        b, _, h, w = logits.shape
        ab, log_total = logits.new_empty(b, 2, h * w), logits.new_empty(b, 1, h * w)
        weights = torch.cat([bins, bins.new_ones(len(bins), 1)], 1).T.contiguous()
        flat = logits.flatten(2)  # a copy where logits were cropped, so once, not in every tile
        for pictures, pixels in _tiles(logits):
            sums, top = _online_sums(flat[pictures, :, pixels], weights, 1 / temperature)
            ab[pictures, :, pixels] = sums[:, :2] / sums[:, 2:]
            log_total[pictures, :, pixels] = sums[:, 2:].log() + top / temperature
        return ab.reshape(b, 2, h, w), log_total

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        logits, bins, ctx.temperature = inputs
        ctx.save_for_backward(logits, bins, *output)
        ctx.mark_non_differentiable(output[1])

    @staticmethod
    @once_differentiable
    def backward(ctx, towards_ab: Tensor, _) -> tuple[Tensor, None, None]:
        logits, bins, ab, log_total = ctx.saved_tensors
        towards_ab = towards_ab.flatten(2) / ctx.temperature
        level = (towards_ab * ab.flatten(2)).sum(1, keepdim=True)
        slopes = torch.cat([towards_ab, -level], 1)
        points = torch.cat([bins, bins.new_ones(len(bins), 1)], 1)
        gradient = logits.new_empty(*logits.shape[:2], logits.shape[2] * logits.shape[3])
        flat = logits.flatten(2)
        for pictures, pixels in _tiles(logits):
            part = flat[pictures, :, pixels]
            for some in _bin_chunks(part):
                share = (part[:, some] * (1 / ctx.temperature)).sub_(log_total[pictures, :, pixels]).exp_()
                pull = torch.matmul(points[some], slopes[pictures, :, pixels])
                torch.mul(share, pull, out=gradient[pictures, some, pixels])
        return gradient.reshape(logits.shape), None, None


def _online_sums(logits: Tensor, weights: Tensor, sharpness: float) -> tuple[Tensor, Tensor]:
    """Sums over the bins `(b, 3, p)` of a e, b e and e, e = exp(sharpness (logit - top)), and the top `(b, 1, p)`."""
    first, *others = _bin_chunks(logits)
    top = logits[:, first].amax(1, keepdim=True)
    sums = torch.matmul(weights[:, first], torch.sub(logits[:, first], top).mul_(sharpness).exp_())
    for some in others:
        chunk = logits[:, some]
        before, top = top, torch.maximum(top, chunk.amax(1, keepdim=True))
        sums *= torch.exp((before - top) * sharpness)
        sums += torch.matmul(weights[:, some], torch.sub(chunk, top).mul_(sharpness).exp_())
    return sums, top


def _tiles(logits: Tensor) -> Iterator[tuple[slice, slice]]:
    """On the CPU tile by tile, so that a chunk of bins stays in the cache; elsewhere all pictures at once."""
    b, _, h, w = logits.shape
    if logits.device.type != "cpu":
        yield slice(None), slice(None)
        return
    for picture in range(b):
        for start in range(0, h * w, TILE_PIXELS):
            yield slice(picture, picture + 1), slice(start, start + TILE_PIXELS)


def _bin_chunks(logits: Tensor) -> list[slice]:
    return [slice(start, start + CHUNK_BINS) for start in range(0, logits.shape[1], CHUNK_BINS)]


def _bins_of(logits: Tensor, bins: Tensor | None) -> Tensor:
    count = logits.shape[1]
    if bins is None and count not in STEP_OF_COUNT:
        known = ", ".join(f"{n} (step {step})" for n, step in STEP_OF_COUNT.items())
        raise ValueError(f"{count} logits belong to no known grid; known: {known}; or pass bins=(n, 2)")
    if bins is None:
        return _bins_on(STEP_OF_COUNT[count], logits.device, logits.dtype)
    if not isinstance(bins, Tensor):
        raise TypeError(f"bins is a {type(bins).__name__}, wanted a tensor ({count}, 2) of ab")
    if bins.shape != (count, 2) or not bins.is_floating_point():
        raise ValueError(f"bins is {bins.dtype} {tuple(bins.shape)}, wanted float ({count}, 2) for {count} logits")
    return bins.to(logits)


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _bins_on(step: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Copied to a device once: a copy from the host waits for it."""
    return ab_bins(step).to(device, dtype)
