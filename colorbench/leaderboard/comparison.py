"""A against B: two entries, two boards, or two colorizers' pictures of the same photos, paired wherever they can be.

The statistics are those of a board (see `intervals`). Differences are A minus B.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from colorbench.errors import mistyped, unknown_name
from colorbench.files import printable
from colorbench.leaderboard.entries import SUBMISSIONS, Board, Entry, read_board, record_files
from colorbench.leaderboard.intervals import t_quantile
from colorbench.leaderboard.power import Parts
from colorbench.leaderboard.tiers import ALPHA, FEWEST_PHOTOS, Results, board_sample, by_photo, holm_family


@dataclass(frozen=True)
class Side:
    """One entry of a board."""

    board: Board
    entry: Entry


@dataclass(frozen=True)
class Difference:
    """A minus B by one metric.

    Attributes:
        metric, unit, higher_is_better: what is compared.
        names: of A and B.
        means: of A and B, over seeds and photos.
        parts: what the difference's variance is made of.
        photos: ids of the photos that both have values of; empty when they were tested on different photos.
        values: their values under A and B, `(2, p)`.
        remark: what weakens the comparison; "" when nothing does.
    """

    metric: str
    unit: str
    higher_is_better: bool | None
    names: tuple[str, str]
    means: tuple[float, float]
    parts: Parts
    photos: tuple[str, ...]
    values: Float[np.ndarray, "2 p"]
    remark: str = ""

    @property
    def difference(self) -> float:
        return self.means[0] - self.means[1]

    @property
    def half(self) -> float:
        """Half width of the 95 % interval; NaN when unknown."""
        return float(t_quantile(self.parts.df) * self.parts.error)

    @property
    def p(self) -> float:
        """Two-sided; NaN when unknown."""
        from scipy.special import stdtr

        error = self.parts.error
        return float(2 * stdtr(self.parts.df, -abs(self.difference) / error)) if error > 0 else float("nan")

    @property
    def told_apart(self) -> bool:
        return self.p < ALPHA

    @property
    def better(self) -> str:
        """The name of the one with the better mean; "" where the metric has no direction or the means are equal."""
        if self.higher_is_better is None or not self.difference:
            return ""
        return self.names[0 if (self.difference > 0) == self.higher_is_better else 1]

    def most_different(self, most: int) -> list[tuple[str, float, float]]:
        """`(photo, A, B)` of the photos that differ most, the largest difference first."""
        order = np.argsort(-np.abs(self.values[0] - self.values[1]), kind="stable")[:most]
        return [(self.photos[k], float(self.values[0, k]), float(self.values[1, k])) for k in order]


def compare_entries(a: Side, b: Side, metric: str) -> Difference:
    """One metric of two entries, of one board or of two. The numbers are those of the board's page for two of one board.

    Photos are paired when both were tested on the same ones; else each side contributes its own spread over photos.

    Raises:
        ValueError: the two were scored by different versions of the metric.
    """
    _refuse_versions(a, b, metric)
    sides, parts = (a, b), [_seed_part(side, metric) for side in (a, b)]
    ours, theirs = (
        side.entry.photo_means(metric, side.board.photos) if len(side.board.photos) > 1 else None for side in sides
    )
    same = a.board.photos == b.board.photos and _data_hash(a) == _data_hash(b)
    photos, values, spread, remarks = (), np.zeros((2, 0)), (0.0, 0), _protocols(a, b)
    if ours is None or theirs is None:
        remarks.append("no values of single photos: interval over seeds alone")
    elif same:
        photos, values = a.board.photos, np.stack([ours, theirs])
        spread = _paired(values, photos)
    else:
        remarks.append("tested on different photos: not paired")
        spread = _unpaired([by_photo(ours[None], a.board.photos)[0], by_photo(theirs[None], b.board.photos)[0]])
    if any(np.isnan(variance) for variance, *_ in parts):
        remarks.append("one seed: the spread over seeds is unknown")
    variances, counts, dfs, priors = zip(*parts)
    one_prior = a.board.folder == b.board.folder and np.isfinite(priors).all()
    made = Parts(variances, counts, dfs, *spread, priors[0] if one_prior else float("inf"))
    board = a.board
    return Difference(
        metric, board.unit(metric), board.higher_is_better(metric), _names(a, b),
        (_mean(a, metric), _mean(b, metric)), made, photos, values, "; ".join(remarks),
    )  # fmt: skip


def _protocols(a: Side, b: Side) -> list[str]:
    """A remark for protocols that differ, with what does."""
    facts = [side.entry.runs[0].record.cell.protocol.model_dump(mode="json") for side in (a, b)]
    differ = [name.replace("_", " ") for name in facts[0] if facts[0][name] != facts[1][name]]
    return [f"different protocols ({', '.join(differ)})"] if differ else []


def _names(a: Side, b: Side) -> tuple[str, str]:
    """Labels, with the board's name or the seed where labels alone are equal."""
    names = (a.entry.label, b.entry.label)
    if names[0] != names[1]:
        return names
    if a.board.name != b.board.name:
        return f"{a.board.name}/{names[0]}", f"{b.board.name}/{names[1]}"
    if a.board.folder != b.board.folder:
        return printable(a.board.folder / names[0]), printable(b.board.folder / names[1])
    seeds = [",".join(str(run.record.cell.seed) for run in side.entry.runs) for side in (a, b)]
    return f"{names[0]} seed {seeds[0]}", f"{names[1]} seed {seeds[1]}"


def _refuse_versions(a: Side, b: Side, metric: str) -> None:
    facts = [side.board.facts.get(metric) for side in (a, b)]
    if facts[0] and facts[1] and facts[0].version != facts[1].version:
        raise ValueError(
            f"{metric} was measured by version {facts[0].version} on {a.board.name} and by version {facts[1].version} on "
            f"{b.board.name}: score one of them again (colorbench run SUITE --rescore)"
        )


def _data_hash(side: Side) -> str:
    return side.entry.runs[0].record.data.hash


def _mean(side: Side, metric: str) -> float:
    values = side.entry.seed_values(metric)
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")


def _seed_part(side: Side, metric: str) -> tuple[float, int, float, float]:
    """`(variance of one seed, seeds, degrees of freedom, most that moderated ones share)`, moderated as on the page."""
    board = side.board
    count = int(np.isfinite(side.entry.seed_values(metric)).sum())
    known = next((k for k, entry in enumerate(board.entries) if entry.label == side.entry.label), None)
    if known is None:
        return float("nan"), count, float("nan"), float("inf")
    data = board_sample(board, metric)
    alone = len(side.entry.runs) == 1 < len(board.entries[known].runs)  # one seed picked from several
    if alone:
        values = board.entries[known].seed_values(metric)
        return float(np.nanvar(values, ddof=1)), count, float(np.isfinite(values).sum() - 1), float("inf")
    shared = data.most_df if data.moderated[known] else float("inf")
    return float(data.seed_variance[known] * max(count, 1)), count, float(data.seed_df[known]), shared


def _paired(values: Float[np.ndarray, "2 p"], photos: tuple[str, ...]) -> tuple[float, int]:
    columns = by_photo(values, photos)
    count = columns.shape[1]
    return (float((columns[0] - columns[1]).var(ddof=1)), count) if count >= FEWEST_PHOTOS else (0.0, 0)


def _unpaired(columns: list[Float[np.ndarray, "_"]]) -> tuple[float, int]:
    """As one variance over the smaller number of photos."""
    counts = [len(column) for column in columns]
    if min(counts) < FEWEST_PHOTOS:
        return 0.0, 0
    return min(counts) * sum(float(c.var(ddof=1)) / n for c, n in zip(columns, counts)), min(counts)


def compare_frames(a, b, metric: str, names: tuple[str, str]) -> Difference:
    """One metric of two colorizers' scores (`score_folders`), one row per picture, paired by picture. Each is one model."""
    from colorbench.metrics import METRICS

    row, fixed = METRICS[metric], {"seeds": (0.0, 0.0), "n_seeds": (1, 1), "seed_df": (float("inf"),) * 2}
    if not row.per_image:
        means = (float(a.attrs["set"].get(metric, np.nan)), float(b.attrs["set"].get(metric, np.nan)))
        parts, remark = Parts(**fixed, photos=0.0, n_photos=0), "one value for all pictures: no interval"
        return Difference(metric, row.unit, row.higher_is_better, names, means, parts, (), np.zeros((2, 0)), remark)
    both = [name for name in a.index if name in set(b.index)]
    values = np.stack([frame[metric].reindex(both).to_numpy(float) for frame in (a, b)])
    known = np.isfinite(values).all(axis=0)
    photos, values = tuple(np.array(both, dtype=object)[known]), values[:, known]
    left_out = len(both) - len(photos)
    remark = f"{left_out} pictures without a finite value are left out" if left_out else ""
    spread = _paired(values, photos) if len(photos) > 1 else (0.0, 0)
    means = (float(values[0].mean()), float(values[1].mean())) if len(photos) else (float("nan"), float("nan"))
    return Difference(
        metric, row.unit, row.higher_is_better, names, means,
        Parts(**fixed, photos=spread[0], n_photos=spread[1]), photos, values, remark,
    )  # fmt: skip


def compare_boards(a: Board, b: Board, metric: str) -> list[tuple[str, Difference, float]]:
    """`(label, difference, p)` of every label that both boards have, A's best first; p is Holm's over all of them."""
    theirs = {entry.label: entry for entry in b.entries}
    shared = [entry for entry in a.entries if entry.label in theirs]
    found = [(entry.label, compare_entries(Side(a, entry), Side(b, theirs[entry.label]), metric)) for entry in shared]
    sign = -1 if a.higher_is_better(metric) else 1
    found.sort(key=lambda one: (np.isnan(one[1].means[0]), sign * one[1].means[0]))
    p = holm_family(np.array([one.p for _, one in found]))
    return [(label, one, float(value)) for (label, one), value in zip(found, p)]


_MOST_TIES = 10  # so many ties of the leader are listed


@dataclass(frozen=True)
class Separation:
    """What it would take to tell the leader of a board from a tied entry.

    `detectable` is the smallest true difference found four times in five; `seeds` (of each) and `photos` find the one seen.
    All at the level of Holm's first step: 5 % over the number of pairs.
    """

    label: str
    difference: float
    detectable: float
    seeds: int | None
    photos: int | None


def separations(results: Results) -> list[Separation]:
    """The leader by the primary metric against each of its ties, the nearest first; empty without ties."""
    board, ranking = results.board, results.primary
    ranked = results.ranked()
    if ranking.p_holm is None or len(ranked) < 2:
        return []
    first, alpha = ranked[0], ALPHA / (len(ranked) * (len(ranked) - 1) / 2)
    tied = [k for k in ranked[1:] if ranking.p_holm[first, k] >= ALPHA][:_MOST_TIES]
    found = []
    for k in tied:
        one = compare_entries(Side(board, board.entries[first]), Side(board, board.entries[k]), ranking.metric)
        seeds, photos = one.parts.seeds_for(one.difference, alpha), one.parts.photos_for(one.difference, alpha)
        found.append(Separation(board.entries[k].label, one.difference, one.parts.detectable(alpha), seeds, photos))
    return found


def find_side(path: Path, other: Side | Board | None = None) -> Side | Board | None:
    """The entry (or one seed of it) or the board at a path; None where there are no records.

    A bare name is an entry of the board that `other` is of.

    Raises:
        KeyError: the folder around the path is a board, which has no such entry.
        FileNotFoundError: nothing is there.
    """
    if not path.exists():
        board = other.board if isinstance(other, Side) else other
        if len(path.parts) == 1 and board is not None:
            return Side(board, _entry(board, path.name))
        if path.parent.is_dir() and record_files(path.parent) and not list(path.parent.glob("record*.json")):
            return Side(board := read_board(path.parent), _entry(board, path.name))
        raise FileNotFoundError(
            f"{path} does not exist: give entries (runs/mini/unet+l1), boards (runs/mini) or pictures{mistyped(path)}"
        )
    path = path.resolve()
    if path.name == "board" and record_files(path.parent):
        path = path.parent
    if list(path.glob("seed-*/record*.json")):
        return Side(board := _around(path), _entry(board, path.name))
    if list(path.glob("record*.json")):
        entry = _entry(board := _around(path.parent), path.parent.name)
        runs = tuple(run for run in entry.runs if run.folder.resolve() == path)
        return Side(board, Entry(entry.label, entry.kind, runs))
    return read_board(path) if record_files(path) else None


def _around(entry: Path) -> Board:
    """The board that an entry's folder belongs to."""
    return read_board(entry.parent.parent if entry.parent.name == SUBMISSIONS else entry.parent)


def _entry(board: Board, label: str) -> Entry:
    found = board.entry(label)
    if found is None:
        raise unknown_name("entry", label, [entry.label for entry in board.entries])
    return found


def shared_metrics(a: Board, b: Board, wanted: Sequence[str] | None) -> list[str]:
    """The metrics to compare by: those asked for, else all that both boards have, A's primary one first.

    Raises:
        KeyError: one of them is not on both boards.
    """
    known = [metric for metric in a.metrics if metric in b.metrics]
    known.sort(key=lambda metric: metric != a.primary)
    for metric in wanted or ():
        if metric not in known:
            raise unknown_name("metric", metric, known)
    return list(dict.fromkeys(wanted or known))
