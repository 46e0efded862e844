r"""Means and differences with intervals: replicated over seeds, paired over photos.

A run's score moves with the seed it was trained from and with the photos it was tested on. Both enter the variance
of a mean, and of a difference between entries A and B over the same P photos:

    V = s^2_A / S_A + s^2_B / S_B + s^2_d / P

(s^2_A: variance of A's seed means; s^2_d: variance of the per-photo differences of seed averages). Welch-Satterthwaite
gives the degrees of freedom. Photos alone, from one seed, cover 0.42 of what a 95 % interval promises.

The same variance, with other numbers of seeds and photos in it, says how many of them would tell A from B (`Parts`).

Welch, B. L. (1947), Biometrika 34; Satterthwaite, F. E. (1946), Biometrics Bulletin 2.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

LEVEL = 0.95
POWER = 0.8
"""How often a plan shall find a difference that is there."""
MOST_PLANNED = 1_000_000
"""Seeds or photos; what needs more is not planned."""


@dataclass(frozen=True)
class Sample:
    """What is known of one metric of several entries; the arrays are aligned.

    Attributes:
        mean: over seeds and photos, `(n,)`.
        seed_variance: variance of the mean due to seeds, `(n,)`; 0 for a fixed model, NaN when unknown.
        seed_df: its degrees of freedom, `(n,)`; inf for a fixed model.
        photos: covariance of the means due to the choice of photos `(n, n)`, or None: then intervals run over seeds alone.
        photo_df: its degrees of freedom.
        pooled: the variance came from the other entries, because the entry has one seed.
    """

    mean: Float[np.ndarray, "n"]
    seed_variance: Float[np.ndarray, "n"]
    seed_df: Float[np.ndarray, "n"]
    photos: Float[np.ndarray, "n n"] | None
    photo_df: float
    pooled: np.ndarray


@dataclass(frozen=True)
class Comparisons:
    """All pairs: `difference[i, j] = mean[i] - mean[j]`, its standard error, degrees of freedom and two-sided p."""

    difference: Float[np.ndarray, "n n"]
    error: Float[np.ndarray, "n n"]
    df: Float[np.ndarray, "n n"]
    p: Float[np.ndarray, "n n"]

    def half_width(self, level: float = LEVEL) -> Float[np.ndarray, "n n"]:
        return _quantile(self.df, level) * self.error


def sample(
    seeds: list[Float[np.ndarray, "_"]],
    photos: Float[np.ndarray, "n p"] | None = None,
    fixed: np.ndarray | None = None,
) -> Sample:
    """Gather the entries' seed means (one array each, lengths may differ) and per-photo means.

    An entry with one seed borrows the pooled seed variance of the others; without any, its variance is unknown.
    """
    fixed = np.zeros(len(seeds), bool) if fixed is None else np.asarray(fixed, bool)
    clean = [values[np.isfinite(values)] for values in seeds]
    count = np.array([len(values) for values in clean])
    mean = np.array([values.mean() if len(values) else np.nan for values in clean])
    spread = np.array([values.var(ddof=1) if len(values) > 1 else np.nan for values in clean])
    known = (count > 1) & ~fixed
    pooled_df = float((count[known] - 1).sum())
    pooled = ((count[known] - 1) * spread[known]).sum() / pooled_df if pooled_df else np.nan
    borrows = (count == 1) & ~fixed
    variance = np.where(borrows, pooled, spread) / np.maximum(count, 1)
    df = np.where(borrows, pooled_df, count - 1.0)
    covariance, photo_df = photo_covariance(photos)
    variance, df = np.where(fixed, 0.0, variance), np.where(fixed, np.inf, df)
    return Sample(mean, variance, df, covariance, photo_df, borrows & bool(pooled_df))


def photo_covariance(photos: Float[np.ndarray, "n p"] | None) -> tuple[Float[np.ndarray, "n n"] | None, float]:
    """Covariance of means over photos, paired: from per-photo values of every entry. None below two photos."""
    if photos is None or photos.shape[1] < 2:
        return None, float("inf")
    p = photos.shape[1]
    centered = photos - photos.mean(axis=1, keepdims=True)
    return centered @ centered.T / ((p - 1) * p), p - 1.0


def mean_intervals(data: Sample, level: float = LEVEL) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Half widths and degrees of freedom of each mean's interval; NaN where the seed variance is unknown."""
    photo_variance = _photo_part(data)
    variance = data.seed_variance + photo_variance
    df = _satterthwaite(variance, (data.seed_variance, data.seed_df), (photo_variance, data.photo_df))
    half = _quantile(df, level) * np.sqrt(variance)
    return np.where(variance > 0, half, np.where(np.isnan(variance), np.nan, 0.0)), df


def _photo_part(data: Sample):
    return np.zeros(len(data.mean)) if data.photos is None else np.diag(data.photos)


def compare(data: Sample) -> Comparisons:
    """Every entry against every other. `p` is NaN where no variance is known (one seed, or records of fixed models)."""
    from scipy import stats

    a, b = data.seed_variance[:, None], data.seed_variance[None, :]
    photo = _paired_photo_part(data)
    variance = a + b + photo
    df = _satterthwaite(variance, (a, data.seed_df[:, None]), (b, data.seed_df[None, :]), (photo, data.photo_df))
    difference = data.mean[:, None] - data.mean[None, :]
    error = np.sqrt(variance)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * stats.t.sf(np.abs(difference) / error, df)
    p = np.where(error > 0, p, np.nan)
    np.fill_diagonal(p, 1.0)
    return Comparisons(difference, error, df, p)


def _paired_photo_part(data: Sample):
    if data.photos is None:
        return np.zeros((len(data.mean),) * 2)
    own = np.diag(data.photos)
    return np.maximum(own[:, None] + own[None, :] - 2 * data.photos, 0.0)


def _satterthwaite(variance, *parts):
    """Degrees of freedom of a sum of independent variance estimates."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return variance**2 / sum(part**2 / df for part, df in parts)


def _quantile(df, level: float):
    from scipy import stats

    with np.errstate(invalid="ignore"):
        return stats.t.ppf(0.5 + level / 2, df)


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
    return float(stats.nct.sf(edge, df, shift) + stats.nct.cdf(-edge, df, shift))


def detectable(error: float, df: float, alpha: float = 1 - LEVEL, wanted: float = POWER) -> float:
    """The smallest true difference that is found with probability `wanted`; NaN where the error is unknown."""
    from scipy import optimize

    if not (error > 0 and df > 0):
        return float("nan")
    top = 1.0
    while power(top, 1.0, df, alpha) < wanted:
        top *= 2
    found = optimize.root_scalar(lambda shift: power(shift, 1.0, df, alpha) - wanted, bracket=(0.0, top), xtol=1e-4)
    return error * float(found.root)


@dataclass(frozen=True)
class Parts:
    """What the variance of one difference A - B is made of; A's value comes first in each pair.

    Attributes:
        seeds: variance of one seed's mean; 0 for a fixed model, NaN when unknown.
        n_seeds, seed_df: how many seeds, and the degrees of freedom of that variance; inf for a fixed model.
        photos: variance over photos of the differences of one photo; 0 when intervals run over seeds alone.
        n_photos: how many photos; 0 when intervals run over seeds alone.
    """

    seeds: tuple[float, float]
    n_seeds: tuple[int, int]
    seed_df: tuple[float, float]
    photos: float
    n_photos: int

    @property
    def error(self) -> float:
        """Standard error of the difference; NaN when the variance over seeds is unknown."""
        return float(np.sqrt(sum(self._parts())))

    @property
    def df(self) -> float:
        """Welch-Satterthwaite degrees of freedom."""
        parts, dfs = self._parts(), (*self.seed_df, self.n_photos - 1.0)
        return float(_satterthwaite(np.float64(sum(parts)), *((v, df) for v, df in zip(parts, dfs) if v > 0)))

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
            return replace(self, n_seeds=(n, n), seed_df=df)

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
