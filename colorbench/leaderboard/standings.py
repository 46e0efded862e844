"""One metric of a board: means, intervals, rank tiers and tie letters of its entries."""

import re
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from colorbench.leaderboard.entries import Board, Entry
from colorbench.leaderboard.intervals import Comparisons, Sample, compare, mean_intervals, sample
from colorbench.leaderboard.ranks import ALPHA, holm, holm_family, letters, tiers

MOST_PAIRS = 400
"""Entries up to which all pairs are tested; above, each is tested against the leader alone."""
FEWEST_PHOTOS = 5
"""Below, photos tell nothing about other photos, and intervals run over seeds alone."""
MOST_LETTERS = 60
"""Entries up to which tie letters are worked out; more letters than that nobody reads."""


@dataclass(frozen=True)
class Standing:
    """Aligned with `entries`. `tier` and `letter` are None for entries that are not ranked (baselines, submissions)."""

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


def standing(
    board: Board, metric: str, color_only: bool = False, rank: bool = True, resampled: np.ndarray | None = None
) -> Standing:
    """Statistics of one metric over the whole test set, or over its color-only photos.

    `resampled`: for a set score, the entries' values under joint resampling of the photos (see `sets`), `(n, draws)`.
    """
    entries = board.entries
    seeds = [entry.seed_values(metric, color_only) for entry in entries]
    photos = photo_matrix(board, metric, color_only)
    data = sample(seeds, photos, np.array([entry.fixed for entry in entries]))
    if resampled is not None:
        data = replace(data, photos=np.cov(resampled), photo_df=float(resampled.shape[1] - 1))
    half, _ = mean_intervals(data)
    spread = np.array([np.nanstd(v, ddof=1) if np.isfinite(v).sum() > 1 else np.nan for v in seeds])
    basis = tuple(_basis(entry, data, k) for k, entry in enumerate(entries))
    places = _places(board, metric, data) if rank and board.rankable else _no_places(len(entries))
    return Standing(metric, entries, data.mean, half, spread, basis, *places)


def photo_matrix(board: Board, metric: str, color_only: bool = False) -> Float[np.ndarray, "n p"] | None:
    """Per-photo means of every entry, or None when one of them has none (records alone)."""
    photos = board.photos
    if color_only and photos:
        table = next(run.scores for run in board.runs if run.scores is not None)
        photos = tuple(p for p in photos if bool(table["color_only"].get(p, True))) if "color_only" in table else photos
    if len(photos) < 2:
        return None
    rows = [entry.photo_means(metric, photos) for entry in board.entries]
    if any(row is None for row in rows):
        return None
    columns = by_photo(np.stack(rows), photos)
    return columns if columns.shape[1] >= FEWEST_PHOTOS else None


def by_photo(values: Float[np.ndarray, "n t"], names: tuple[str, ...]) -> Float[np.ndarray, "n p"]:
    """Tiles of one photo are no independent photos: one column a photo, with the same mean over columns.

    A tile's name ends in `-t<number>`. The variance of these columns over their count is the cluster-robust variance of
    the mean over tiles (linearisation; Cochran 1977, ratio estimates), however many tiles each photo gave.
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
    over = "" if data.photos is None else "photos"
    if entry.fixed:
        return over or "none"
    if not np.isfinite(data.seed_variance[k]):
        return "none: one seed"
    seeds = "pooled seeds" if data.pooled[k] else "seeds"
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
    tier, letter = [None] * n, [None] * n
    different = p < ALPHA
    ahead = different & ((pairs.difference > 0) if direction else (pairs.difference < 0))
    marks = letters(different) if len(ranked) <= MOST_LETTERS else [""] * len(ranked)
    for k, place, mark in zip(ranked, tiers(ahead), marks):
        tier[k], letter[k] = place, mark
    everyone = compare(data) if n <= MOST_PAIRS else None
    return tuple(tier), tuple(letter), everyone, None if everyone is None else holm(everyone.p)


def _against_leader(data: Sample, ranked: list[int], n: int):
    """Two tiers of a long board: those not significantly behind the leader, and the rest."""
    p = holm_family(np.array([compare(_subset(data, [ranked[0], k])).p[0, 1] for k in ranked[1:]]))
    behind = {k for k, value in zip(ranked[1:], p) if value < ALPHA}
    first = len(ranked) - len(behind)
    tier: list = [None] * n
    for k in ranked:
        tier[k] = (first + 1, len(ranked)) if k in behind else (1, first)
    return tuple(tier), tuple("" if t else None for t in tier), None, None


def _subset(data: Sample, chosen: list[int]) -> Sample:
    return Sample(
        data.mean[chosen], data.seed_variance[chosen], data.seed_df[chosen],
        None if data.photos is None else data.photos[np.ix_(chosen, chosen)], data.photo_df, data.pooled[chosen],
    )  # fmt: skip
