"""How many seeds or photos would tell two entries apart: the comparisons of `intervals` with other numbers in them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from colorbench.leaderboard.intervals import LEVEL

POWER = 0.8
"""How often a plan should find a true difference."""
MOST_PLANNED = 1_000_000
"""Seeds or photos; larger plans are not made."""


def power(difference: float, error: float, df: float, alpha: float = 1 - LEVEL) -> float:
    """How often a two-sided t-test at level `alpha` finds a true difference of this size: a share of all repetitions.

    >>> round(power(1.0, 0.35, 20.0), 2)
    0.78
    """
    from scipy import stats

    if not (error > 0 and df > 0):
        return float("nan")
    df, shift = min(df, 1e6), abs(difference) / error
    edge = stats.t.isf(alpha / 2, df)
    wrong_side = np.nan_to_num(stats.nct.cdf(-edge, df, shift))  # scipy gives NaN where it vanishes
    return float(stats.nct.sf(edge, df, shift) + wrong_side)


def detectable(error: float, df: float, alpha: float = 1 - LEVEL) -> float:
    """The smallest true difference that is found with probability POWER; NaN where the error is unknown."""
    from scipy import optimize

    if not (error > 0 and df > 0):
        return float("nan")
    top = 1.0
    while power(top, 1.0, df, alpha) < POWER:
        top *= 2
    found = optimize.root_scalar(lambda shift: power(shift, 1.0, df, alpha) - POWER, bracket=(0.0, top), xtol=1e-4)
    return error * float(found.root)


@dataclass(frozen=True)
class Parts:
    """What the variance of one difference A - B is made of; A's value comes first in each pair.

    Attributes:
        seeds: variance of one seed's mean; 0 for a fixed model, NaN when unknown.
        n_seeds, seed_df: how many seeds, and the degrees of freedom of that variance; inf for a fixed model.
        photos: variance over photos of the differences of one photo; 0 when intervals run over seeds alone.
        n_photos: how many photos; 0 when intervals run over seeds alone.
        most_df: of both variances over seeds together, when they are moderated by one prior.
    """

    seeds: tuple[float, float]
    n_seeds: tuple[int, int]
    seed_df: tuple[float, float]
    photos: float
    n_photos: int
    most_df: float = float("inf")

    @property
    def error(self) -> float:
        """Standard error of the difference; NaN when the variance over seeds is unknown."""
        return float(np.sqrt(sum(self._parts())))

    @property
    def df(self) -> float:
        """Welch-Satterthwaite degrees of freedom."""
        a, b, photos = self._parts()
        uncertainty = sum(v**2 / df for v, df in zip((a, b), self.seed_df) if v > 0)
        uncertainty = max(uncertainty, (a + b) ** 2 / self.most_df)
        uncertainty += photos**2 / (self.n_photos - 1.0) if photos > 0 else 0.0
        return (a + b + photos) ** 2 / uncertainty if uncertainty else float("inf")

    def _parts(self) -> tuple[float, float, float]:
        (a, b), (n_a, n_b) = self.seeds, self.n_seeds
        return a / max(n_a, 1), b / max(n_b, 1), self.photos / max(self.n_photos, 1)

    def power(self, difference: float, alpha: float = 1 - LEVEL) -> float:
        """How often these seeds and photos would find a true difference of this size."""
        return power(difference, self.error, self.df, alpha)

    def detectable(self, alpha: float = 1 - LEVEL) -> float:
        """The smallest true difference that these seeds and photos find in four of five repetitions."""
        return detectable(self.error, self.df, alpha)

    def seeds_for(self, difference: float, alpha: float = 1 - LEVEL) -> int | None:
        """Seeds of each entry that find this difference on these photos; None when no number does, or none is needed."""
        if not max(self.seeds) > 0:
            return None

        def with_seeds(n: int) -> "Parts":
            df = tuple(n - 1.0 if variance > 0 else float("inf") for variance in self.seeds)
            return replace(self, n_seeds=(n, n), seed_df=df, most_df=float("inf"))

        return _fewest(lambda n: with_seeds(n).power(difference, alpha))

    def photos_for(self, difference: float, alpha: float = 1 - LEVEL) -> int | None:
        """Photos that find this difference with these seeds; None when no number does."""
        if not self.photos > 0:
            return None
        return _fewest(lambda n: replace(self, n_photos=n).power(difference, alpha))


def _fewest(reached: Callable[[int], float]) -> int | None:
    """The smallest number from 2 on that reaches POWER; None above MOST_PLANNED."""
    high = 2
    while not reached(high) >= POWER:
        high *= 2
        if high > MOST_PLANNED:
            return None
    low = high // 2  # not enough, or 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= POWER else (middle, high)
    return high
