"""From scores to what they support: per metric, means with intervals, Holm's correction, tie letters, rank tiers.

Ranks are ranges ("1-4"): from 1 + the number of entries that are significantly better to n - the number that are
significantly worse. Ties are never broken by the third decimal.
"""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from colorbench.leaderboard.entries import Board, Entry, color_only_of
from colorbench.leaderboard.intervals import Comparisons, Sample, compare, mean_intervals, sample

if TYPE_CHECKING:
    from colorbench.leaderboard.ambiguity import Ambiguity

ALPHA = 0.05

MOST_PAIRS = 400
"""Entries up to which all pairs are tested; above, each is tested against the leader alone."""
FEWEST_PHOTOS = 5
"""Below this number, intervals run over seeds alone."""
MOST_LETTERS = 60
"""Entries up to which tie letters are computed; more letters are unreadable."""


@dataclass(frozen=True)
class Ranking:
    """One metric of a board, aligned with `entries`.

    `tier` and `letter` are None for entries that are not ranked (baselines, submissions). `p_holm`: among ranked entries
    Holm's correction runs over their pairs, as for tiers and letters; with any other entry it runs over all pairs.
    """

    metric: str
    entries: tuple[Entry, ...]
    mean: Float[np.ndarray, "n"]
    half: Float[np.ndarray, "n"]
    spread: Float[np.ndarray, "n"]
    basis: tuple[str, ...]
    tier: tuple[tuple[int, int] | None, ...]
    letter: tuple[str | None, ...]
    comparisons: Comparisons | None
    p_holm: Float[np.ndarray, "n n"] | None

    def order(self, higher_is_better: bool | None) -> list[int]:
        """Indices of the entries, best first; unmeasured last; equal means by label."""
        sign = -1 if higher_is_better else 1
        keys = [(np.isnan(m), sign * m if np.isfinite(m) else 0.0, e.label) for m, e in zip(self.mean, self.entries)]
        return sorted(range(len(keys)), key=keys.__getitem__)


_GROUPS = {
    "Entries": "Trained under this board's budget.",
    "Outside the budget": "Submitted pictures of colorizers that were trained elsewhere, for longer; not ranked.",
    "Baselines": "They learn nothing; an entry that could not be told apart from gray has not learned to color.",
    "Best possible": "They know each material's distribution of color, but not which color was drawn.",
    "Oracles": "They look at the true colors, so they bound each score from above; they cannot be submitted.",
}


def _group(entry: Entry) -> str:
    if entry.kind == "baseline":
        return {"oracle": "Oracles", "bayes": "Best possible"}.get(entry.label.partition("-")[0], "Baselines")
    return {"trained": "Entries", "submission": "Outside the budget"}[entry.kind]


@dataclass(frozen=True)
class Results:
    """The statistics of a whole board, computed once: per metric over all photos and over the color-only ones."""

    board: Board
    full: dict[str, Ranking]
    color_only: dict[str, Ranking]

    @property
    def primary(self) -> Ranking:
        return self.full[self.board.primary]

    def groups(self) -> list[tuple[str, str, list[int]]]:
        """`(title, what they are, rows)`: ranked entries first, then submissions, baselines, oracles; each best first."""
        order = self.order()
        kinds = [_group(entry) for entry in self.board.entries]
        found = [(title, text, [k for k in order if kinds[k] == title]) for title, text in _GROUPS.items()]
        return [group for group in found if group[2]]

    def order(self) -> list[int]:
        """All rows: by the primary metric, best first."""
        return self.primary.order(self.board.higher_is_better(self.board.primary))

    def ranked(self) -> list[int]:
        """The ranked rows: by the primary metric, best first."""
        return [k for k in self.order() if self.primary.tier[k] is not None]

    @cached_property
    def ambiguity(self) -> "Ambiguity | None":
        """The analysis of a board of generated scenes, computed once; None on every other board."""
        from colorbench.leaderboard.ambiguity import read_ambiguity

        return read_ambiguity(self.board)


def rank_board(board: Board, resampled: dict | None = None) -> Results:
    """Every metric of the board. Only the primary one is ranked in the color-only set.

    Args:
        resampled: set scores under joint resampling of the photos, metric -> `(entries, draws)`; see `set_scores`.
    """
    drawn = resampled or {}
    full = {metric: rank_metric(board, metric, resampled=drawn.get(metric)) for metric in board.metrics}
    part = {metric: rank_metric(board, metric, True, rank=metric == board.primary) for metric in board.metrics}
    return Results(board, full, part)


def rank_metric(
    board: Board, metric: str, color_only: bool = False, rank: bool = True, resampled: np.ndarray | None = None
) -> Ranking:
    """Statistics of one metric over the whole test set, or over its color-only photos.

    `resampled`: for a set score, the entries' values under joint resampling of the photos (see `set_scores`), `(n, draws)`.
    """
    entries = board.entries
    seeds = [entry.seed_values(metric, color_only) for entry in entries]
    data = board_sample(board, metric, color_only)
    if resampled is not None:
        data = replace(data, photos=np.cov(resampled), photo_df=float(resampled.shape[1] - 1))
    half, _ = mean_intervals(data)
    spread = np.array([np.nanstd(v, ddof=1) if np.isfinite(v).sum() > 1 else np.nan for v in seeds])
    basis = tuple(_basis(entry, data, k) for k, entry in enumerate(entries))
    places = _places(board, metric, data) if rank and board.rankable else _no_places(len(entries))
    return Ranking(metric, entries, data.mean, half, spread, basis, *places)


def board_sample(board: Board, metric: str, color_only: bool = False) -> Sample:
    """What is known of one metric of all entries: seeds, photos, and who is one fixed model."""
    seeds = [entry.seed_values(metric, color_only) for entry in board.entries]
    photos = photo_matrix(board, metric, color_only)
    return sample(seeds, photos, np.array([entry.fixed for entry in board.entries]))


def photo_matrix(board: Board, metric: str, color_only: bool = False) -> Float[np.ndarray, "n p"] | None:
    """Per-photo means of every entry, NaN for one without (records alone, other photos), or None when none has any."""
    photos, table = board.photos, board.photo_table
    if color_only and table is not None:
        flags = dict(zip(table.index, color_only_of(table)))
        photos = tuple(photo for photo in photos if flags[photo])
    if len(photos) < 2:
        return None
    rows = [entry.photo_means(metric, photos) for entry in board.entries]
    if all(row is None for row in rows):
        return None
    columns = by_photo(np.stack([np.full(len(photos), np.nan) if row is None else row for row in rows]), photos)
    return columns if columns.shape[1] >= FEWEST_PHOTOS else None


def by_photo(values: Float[np.ndarray, "n t"], names: tuple[str, ...]) -> Float[np.ndarray, "n p"]:
    """Tiles of one photo are not independent: one column per photo, with the same mean over columns.

    A tile's name ends in `-t<number>`. The variance of these columns over their count is the cluster-robust variance of
    the mean over tiles (linearization; Cochran 1977, ratio estimates), however many tiles each photo gave.
    """
    photos = [re.sub(r"-t\d+$", "", name) for name in names]
    kinds = sorted(set(photos))
    if len(kinds) == len(photos):
        return values
    member = np.array([[photo == kind for kind in kinds] for photo in photos], dtype=float)
    mean = values.mean(axis=1, keepdims=True)
    return mean + (values - mean) @ member * (len(kinds) / len(names))


def _basis(entry: Entry, data: Sample, k: int) -> str:
    """What the interval rests on, in words for the table."""
    over = "" if data.photos is None or not np.isfinite(data.photos[k, k]) else "photos"
    if entry.fixed:
        return over or "none"
    if not np.isfinite(data.seed_variance[k]):
        return "none: one seed"
    seeds = "moderated seeds" if data.moderated[k] else "seeds"
    return f"{seeds} + {over}" if over else seeds


def _no_places(n: int):
    return (None,) * n, (None,) * n, None, None


def _places(board: Board, metric: str, data: Sample):
    n, direction = len(board.entries), board.higher_is_better(metric)
    ranked = [k for k, e in enumerate(board.entries) if e.kind == "trained" and np.isfinite(data.mean[k])]
    if direction is None or not ranked:
        return _no_places(n)
    ranked.sort(key=lambda k: -data.mean[k] if direction else data.mean[k])
    if len(ranked) > MOST_PAIRS:
        return _against_leader(data, ranked, n)
    pairs = compare(_subset(data, ranked))
    p = holm(pairs.p)
    tier: list[tuple[int, int] | None] = [None] * n
    letter: list[str | None] = [None] * n
    different = p < ALPHA
    ahead = different & ((pairs.difference > 0) if direction else (pairs.difference < 0))
    marks = letters(different) if len(ranked) <= MOST_LETTERS else [""] * len(ranked)
    for k, place, mark in zip(ranked, tiers(ahead), marks):
        tier[k], letter[k] = place, mark
    if n > MOST_PAIRS:
        return tuple(tier), tuple(letter), None, None
    everyone = compare(data)
    p_holm = holm(everyone.p)
    p_holm[np.ix_(ranked, ranked)] = p
    return tuple(tier), tuple(letter), everyone, p_holm


def _against_leader(data: Sample, ranked: list[int], n: int):
    """Two tiers of a long board: those not significantly behind the leader, and the rest."""
    p = holm_family(np.array([compare(_subset(data, [ranked[0], k])).p[0, 1] for k in ranked[1:]]))
    behind = {k for k, value in zip(ranked[1:], p) if value < ALPHA}
    first = len(ranked) - len(behind)
    tier: list[tuple[int, int] | None] = [None] * n
    for k in ranked:
        tier[k] = (first + 1, len(ranked)) if k in behind else (1, first)
    return tuple(tier), tuple("" if t else None for t in tier), None, None


def _subset(data: Sample, chosen: list[int]) -> Sample:
    return Sample(
        data.mean[chosen], data.seed_variance[chosen], data.seed_df[chosen],
        None if data.photos is None else data.photos[np.ix_(chosen, chosen)], data.photo_df,
        data.moderated[chosen], data.most_df,
    )  # fmt: skip


def holm(p: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """Holm-corrected p-values over all pairs (the upper triangle is the family); untested pairs stay NaN."""
    rows, columns = np.triu_indices(len(p), 1)
    corrected = holm_family(p[rows, columns])
    result = np.ones_like(p)
    result[rows, columns] = result[columns, rows] = corrected
    return result


def holm_family(p: Float[np.ndarray, "m"]) -> Float[np.ndarray, "m"]:
    """Holm, S. (1979), Scand. J. Stat. 6: step-down corrected p-values of one family; NaN is not part of it.

    The same numbers as statsmodels' `multipletests`, which collects garbage on every call, 0.2 s each time.

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
    """Compact letter display of entries in order of rank: two share a letter exactly when they are not told apart.

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
