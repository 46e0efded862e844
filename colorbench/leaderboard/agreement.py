"""Whether two boards order the same entries alike: does a ranking survive another budget, other photos, another size?"""

from dataclasses import dataclass

import numpy as np

from colorbench.leaderboard.entries import Board


@dataclass(frozen=True)
class Agreement:
    """Whether two boards order the same entries alike.

    `spearman`, with `low` and `high`: the rank correlation and its 95 % interval, as if the entries were drawn from many. Of
    `pairs` pairs of entries, `same_order` have the same one ahead on both boards.
    """

    entries: int
    spearman: float
    low: float
    high: float
    pairs: int
    same_order: int


_FEWEST_TO_ORDER = 4  # of fewer entries a rank correlation says nothing


def order_agreement(a: Board, b: Board, metric: str) -> Agreement | None:
    """How well the order of the ranked entries on one board agrees with that on the other; None below four shared entries.

    The interval is that of Bonett and Wright, Sample size requirements for estimating Pearson, Kendall and Spearman
    correlations, Psychometrika 65, 2000.
    """
    from scipy import stats

    ours, theirs = ({entry.label: entry.seed_values(metric).mean() for entry in board.ranked} for board in (a, b))
    pairs = [(mean, theirs[label]) for label, mean in ours.items() if label in theirs]
    means = np.array([pair for pair in pairs if np.isfinite(pair).all()])
    if len(means) < _FEWEST_TO_ORDER or (np.ptp(means, axis=0) == 0).any():
        return None
    n, spearman = len(means), float(np.corrcoef(stats.rankdata(means, axis=0), rowvar=False)[0, 1])
    half = stats.norm.ppf(0.975) * np.sqrt((1 + spearman**2 / 2) / (n - 3))
    with np.errstate(divide="ignore"):  # the same order throughout: the interval is that one point
        low, high = np.tanh(np.arctanh(spearman) + np.array([-half, half]))
    first, second = np.triu_indices(n, k=1)
    ahead = np.sign(means[first] - means[second])
    same = int((ahead[:, 0] * ahead[:, 1] > 0).sum())
    return Agreement(n, spearman, float(low), float(high), len(first), same)
