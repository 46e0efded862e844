"""A known distribution of color: a few modes in ab with weights, and a small Gaussian jitter around each.

Generated scenes are drawn from such mixtures (`colorbench.data.mixtures`), so the best possible constants are known.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from colorbench.color.bins import ab_bins
from colorbench.color.decode import annealed_mean
from colorbench.color.encode import densify, soft_encode

_WEIGHT_ERROR = 1e-6
_REACH = 4.0  # of the grid in which jitter is integrated, in standard deviations


@dataclass(frozen=True)
class Mixture:
    """One to many modes of ab.

    Attributes:
        modes: (a, b) of each mode, in Lab units.
        weights: probability of each mode; they sum to 1.
        jitter: standard deviation around a mode, each channel, in Lab units.
    """

    modes: tuple[tuple[float, float], ...]
    weights: tuple[float, ...]
    jitter: float = 2.0

    def __post_init__(self):
        if not self.modes or len(self.modes) != len(self.weights):
            raise ValueError(f"a mixture needs one weight per mode, got {len(self.modes)} modes, {self.weights}")
        if min(self.weights) <= 0 or abs(sum(self.weights) - 1) > _WEIGHT_ERROR:
            raise ValueError(f"the weights of a mixture must be above 0 and sum to 1, got {self.weights}")
        if not self.jitter > 0:
            raise ValueError(f"jitter must be above 0 Lab units, got {self.jitter}")

    @property
    def mean(self) -> tuple[float, float]:
        """The expected ab: the constant of least squared error."""
        a, b = (sum(w * mode[k] for w, mode in zip(self.weights, self.modes)) for k in (0, 1))
        return a, b

    @property
    def median(self) -> tuple[float, float]:
        """The median of each channel: the constant of least absolute error."""
        a, b = (self._channel_median(k) for k in (0, 1))
        return a, b

    @property
    def mode(self) -> tuple[float, float]:
        """The likeliest mode; of equal ones the first."""
        return self.modes[self.weights.index(max(self.weights))]

    def points(self, across: int = 25) -> tuple[Tensor, Tensor]:
        """The distribution on a grid of `across` points each way around each mode: ab `(n, 2)`, probabilities `(n,)`.

        >>> ab, share = Mixture(((10.0, 0.0), (-10.0, 5.0)), (0.75, 0.25)).points()
        >>> [round(value, 6) for value in (share @ ab).tolist()]
        [5.0, 1.25]
        """
        line = torch.linspace(-_REACH, _REACH, across, dtype=torch.float64)
        density = torch.exp(-line.square() / 2)
        share = (density[:, None] * density[None, :]).flatten()
        share = share / share.sum()
        around = self.jitter * torch.cartesian_prod(line, line)
        modes = torch.tensor(self.modes, dtype=torch.float64)
        weights = torch.tensor(self.weights, dtype=torch.float64)
        return (modes[:, None] + around).reshape(-1, 2), (weights[:, None] * share).flatten()

    def posterior(self, k: int = 10, sigma: float = 5.0) -> Tensor:
        """The expected soft encoding over the 313 bins `(313,)`: what a perfect classifier predicts."""
        ab, share = self.points()
        indices, weights = soft_encode(ab.float().T[None, :, None], k=k, sigma=sigma)
        return (densify(indices, weights, len(ab_bins()))[0, :, 0].double() @ share).float()

    def annealed(self, temperature: float = 0.38) -> tuple[float, float]:
        """The annealed mean of the exact posterior (Zhang, Isola, Efros 2016, eq. 5)."""
        logits = self.posterior().clamp_min(1e-30).log()
        a, b = annealed_mean(logits.view(1, -1, 1, 1), temperature).flatten().tolist()
        return a, b

    def _channel_median(self, channel: int) -> float:
        """Where the distribution function is a half, by bisection; between two equal modes its middle."""
        places = [mode[channel] for mode in self.modes]
        low, high = min(places) - 8 * self.jitter, max(places) + 8 * self.jitter
        below, above = (self._crossing(channel, low, high, 0.5 + sign * 1e-9) for sign in (-1, 1))
        return (below + above) / 2

    def _crossing(self, channel: int, low: float, high: float, share: float) -> float:
        scale = self.jitter * math.sqrt(2)
        for _ in range(80):
            middle = (low + high) / 2
            reached = sum(
                w * (1 + math.erf((middle - mode[channel]) / scale)) / 2 for w, mode in zip(self.weights, self.modes)
            )
            low, high = (middle, high) if reached < share else (low, middle)
        return (low + high) / 2
