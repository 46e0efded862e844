"""The best possible predictions where the distribution of color is known: one constant per material, or a draw per object.

They bound what a network can reach from gray alone: `mean` minimizes squared error, `median` absolute error channel by
channel, `delta_e` the expected CIEDE2000, `mode` is the likeliest color, `annealed` the annealed mean (T = 0.38) of the
exact posterior over the 313 bins, and `sample` has the right distribution and pays for it in error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Int64
from torch import Tensor

from colorbench.color.mixture import Mixture
from colorbench.metrics.delta_e import delta_e_2000_lab
from colorbench.tensors import Ab

_LIGHTNESS = 50.0  # equal in both colors, so CIEDE2000 does not depend on it
_SEARCH_STEPS = (4.0, 1.0, 0.25, 0.05, 0.01)
_MOST_PAIRS = 2_000_000


@dataclass(frozen=True, eq=False)
class HiddenTruth:
    """What scenes are made of, for the pictures of one batch.

    Attributes:
        materials: place of each pixel's material in `mixtures`.
        objects: number of each pixel's object within its scene.
        mixtures: the distribution of ab, per material.
        scenes: number of each scene, from which `sample` draws.
    """

    materials: Int64[Tensor, "b h w"]
    objects: Int64[Tensor, "b h w"]
    mixtures: tuple[Mixture, ...]
    scenes: tuple[int, ...]


def mean(truth: HiddenTruth) -> Ab:
    """The constant of least squared error, per material."""
    return _painted(truth, lambda mixture: mixture.mean)


def median(truth: HiddenTruth) -> Ab:
    """The constant of least absolute error, channel by channel."""
    return _painted(truth, lambda mixture: mixture.median)


def mode(truth: HiddenTruth) -> Ab:
    """The likeliest mode; of equal ones the first."""
    return _painted(truth, lambda mixture: mixture.mode)


def delta_e(truth: HiddenTruth) -> Ab:
    """The constant of least expected CIEDE2000."""
    return _painted(truth, best_delta_e)


def annealed(truth: HiddenTruth) -> Ab:
    """The annealed mean of the exact posterior."""
    return _painted(truth, lambda mixture: mixture.annealed())


def sample(truth: HiddenTruth) -> Ab:
    """A mode and a jitter per object, drawn anew from the mixture of its material."""
    ab = torch.zeros(len(truth.scenes), 2, *truth.materials.shape[1:])
    for picture, scene in enumerate(truth.scenes):
        draws = torch.Generator().manual_seed(1_000_003 + scene)
        for number in range(int(truth.objects[picture].max()) + 1):
            where = truth.objects[picture] == number
            if where.any():
                mixture = truth.mixtures[int(truth.materials[picture][where][0])]
                ab[picture, :, where] = _draw(mixture, draws)[:, None]
    return ab


def _draw(mixture: Mixture, draws: torch.Generator) -> Tensor:
    chosen = int(torch.multinomial(torch.tensor(mixture.weights), 1, generator=draws))
    return torch.tensor(mixture.modes[chosen]) + mixture.jitter * torch.randn(2, generator=draws)


def _painted(truth: HiddenTruth, constant: Callable[[Mixture], tuple[float, float]]) -> Ab:
    palette = torch.tensor([constant(mixture) for mixture in truth.mixtures], dtype=torch.float32)
    return palette.to(truth.materials.device)[truth.materials].permute(0, 3, 1, 2).contiguous()


@lru_cache(maxsize=64)
def best_delta_e(mixture: Mixture) -> tuple[float, float]:
    """The ab whose expected CIEDE2000 to a draw is least: a search in ever finer grids, from several starts."""
    ab, share = mixture.points(across=9)
    modes = torch.tensor(mixture.modes, dtype=torch.float64)
    low, high = modes.amin(0) - 2, modes.amax(0) + 2
    lines = [torch.arange(float(low[k]), float(high[k]) + 1e-9, 2.0, dtype=torch.float64) for k in (0, 1)]
    grid = torch.cartesian_prod(*lines)
    best = grid[expected_delta_e(grid, ab, share).argmin()]
    ab, share = mixture.points()
    for step in _SEARCH_STEPS:
        around = torch.arange(-4, 5, dtype=torch.float64) * (step / 4)
        candidates = best + torch.cartesian_prod(around, around)
        best = candidates[expected_delta_e(candidates, ab, share).argmin()]
    return float(best[0]), float(best[1])


def expected_delta_e(constants: Tensor, ab: Tensor, share: Tensor) -> Tensor:
    """Expected CIEDE2000 `(n,)` between each of the constants `(n, 2)` and a color of the distribution `(m, 2)`, `(m,)`."""
    rows = [
        delta_e_2000_lab(_lab(part.repeat_interleave(len(ab), 0)), _lab(ab.repeat(len(part), 1)))
        .reshape(len(part), len(ab))
        .matmul(share)
        for part in constants.split(max(1, _MOST_PAIRS // len(ab)))
    ]
    return torch.cat(rows)


def _lab(ab: Tensor) -> Tensor:
    """Colors `(n, 2)` as a Lab picture `(1, 3, n, 1)` of one lightness."""
    return torch.cat([ab.new_full((len(ab), 1), _LIGHTNESS), ab], dim=1).T[None, :, :, None]
