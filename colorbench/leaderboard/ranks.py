"""From pairwise tests to what a reader may say: Holm's correction, tie letters, rank tiers.

Ranks are ranges ("1-4"): from 1 + the number of entries that are significantly better to n - the number that are
significantly worse. Ties are never broken by the third decimal.
"""

import numpy as np
from jaxtyping import Bool, Float

ALPHA = 0.05


def holm(p: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """Holm-corrected p-values over all pairs (the upper triangle is the family); untested pairs stay NaN."""
    rows, columns = np.triu_indices(len(p), 1)
    corrected = holm_family(p[rows, columns])
    result = np.ones_like(p)
    result[rows, columns] = result[columns, rows] = corrected
    return result


def holm_family(p: Float[np.ndarray, "m"]) -> Float[np.ndarray, "m"]:
    """Holm, S. (1979), Scand. J. Stat. 6: step-down corrected p-values of one family; NaN is no member of it.

    The same numbers as statsmodels' `multipletests`, which collects garbage on every call: 0.2 s each, many a board.

    >>> holm_family(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    corrected = np.full(p.shape, np.nan)
    order = np.argsort(p, kind="stable")[: int(np.isfinite(p).sum())]
    steps = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def tiers(better: Bool[np.ndarray, "n n"]) -> list[tuple[int, int]]:
    """Rank ranges. `better[i, j]`: entry i is significantly better than entry j.

    >>> tiers(np.array([[False, False, True], [False, False, False], [False, False, False]]))
    [(1, 2), (1, 3), (2, 3)]
    """
    n = len(better)
    return [(1 + int(better[:, i].sum()), n - int(better[i].sum())) for i in range(n)]


def letters(different: Bool[np.ndarray, "n n"]) -> list[str]:
    """Compact letter display of entries in order of rank: two entries share a letter exactly when they do not differ.

    Insert-and-absorb of Piepho, H.-P. (2004), J. Comput. Graph. Stat. 13.

    >>> letters(np.array([[False, False, True], [False, False, False], [True, False, False]]))
    ['a', 'ab', 'b']
    """
    n = len(different)
    groups = {frozenset(range(n))} if n else set()
    for i in range(n):
        for j in range(i + 1, n):
            if different[i, j]:
                groups = _split(groups, i, j)
    ordered = sorted(groups, key=sorted)
    return ["".join(_letter(k) for k, group in enumerate(ordered) if i in group) for i in range(n)]


def _split(groups: set[frozenset], i: int, j: int) -> set[frozenset]:
    both = [group for group in groups if i in group and j in group]
    parts = groups - set(both)
    for group in both:
        parts |= {group - {i}, group - {j}}
    return {g for g in parts if g and not any(g < other for other in parts)}


def _letter(k: int) -> str:
    return chr(ord("a") + k) if k < 26 else _letter(k // 26 - 1) + _letter(k % 26)


def tier_text(tier: tuple[int, int] | None) -> str:
    """
    >>> tier_text((1, 4)), tier_text((5, 5))
    ('1-4', '5')
    """
    if tier is None:
        return ""
    return str(tier[0]) if tier[0] == tier[1] else f"{tier[0]}-{tier[1]}"
