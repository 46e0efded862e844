"""What each loss does where gray does not decide the color: regret, where predicted colors lie, what metrics reward.

Only for boards of generated scenes, which know the mixture of colors of every material. Computed from stored pictures: one
row per run and object with its mean predicted ab (`objects.parquet`), from which everything else follows. Three measures
have an exact bound, the best constant per material: squared error of ab (`bayes-mean`), absolute error (`bayes-median`),
CIEDE2000 (`bayes-delta-e`). For other metrics the best of the Bayes baselines is shown; it can be beaten without a leak.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from colorbench.data.mixtures import TRUTH, Truth, read_truth
from colorbench.files import PREDICTIONS, REFERENCES
from colorbench.leaderboard.entries import Board, Entry, Run
from colorbench.leaderboard.intervals import Comparisons, compare, sample
from colorbench.leaderboard.tiers import ALPHA
from colorbench.leaderboard.untrusted import read_table
from colorbench.photo import decode_photo

if TYPE_CHECKING:
    import pandas as pd

    from colorbench.leaderboard.rewards import Reward

OBJECTS = "objects.parquet"
NEAR = 10.0
"""Delta E (1976, at equal lightness) within which a color counts as that of a mode, of the mean, of gray."""
FEWEST_PIXELS = 12
"""Smaller objects are left out of shares: their mean color is mostly edge."""
BOUNDS = {"squared": "bayes-mean", "absolute": "bayes-median", "delta-e-2000": "bayes-delta-e"}
"""Measures with an exact bound: no prediction from gray alone has a smaller expectation."""
MEASURES = {"squared": "squared error", "absolute": "absolute error", "delta-e-2000": "delta-e-2000"}
BAYES = ("bayes-mean", "bayes-median", "bayes-delta-e", "bayes-mode", "bayes-annealed", "bayes-sample")


@dataclass(frozen=True)
class Regret:
    """How far an entry stays behind the best possible, in one measure; below 0 significantly means a leak.

    Attributes:
        value, half: the difference to the bound, and the half width of its 95 % interval.
        relative: the difference as a share of what there is to gain over gray.
        p_below: one-sided p of the hypothesis that the entry is not better than the bound.
    """

    value: float
    half: float
    relative: float
    p_below: float


@dataclass(frozen=True)
class Spread:
    """Where an entry's colors lie, over objects of materials with several modes.

    Attributes:
        mode, mean, gray: shares of objects whose mean color is within NEAR of a mode, of the mixture's mean, of gray.
        variation: total variation between the shares of modes predicted and their true weights, mean over materials.
    """

    mode: float
    mean: float
    gray: float
    variation: float


@dataclass(frozen=True, eq=False)
class Ambiguity:
    """Everything the section shows."""

    board: Board
    truth: Truth
    objects: "pd.DataFrame"

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Entries of which there are pictures of all runs."""
        counts = self.objects.groupby("label")["seed"].nunique()
        return tuple(e for e in self.board.entries if counts.get(e.label, 0) == len(e.runs))

    @cached_property
    def ambiguous(self) -> list[int]:
        """Places of the materials with several modes."""
        return [place for place, mixture in enumerate(self.truth.mixtures) if len(mixture.modes) > 1]

    @cached_property
    def spreads(self) -> dict[str, Spread]:
        return {entry.label: self.spread(self.of(entry)) for entry in self.entries}

    @cached_property
    def rewards(self) -> "list[Reward]":
        """What each metric rewards."""
        from colorbench.leaderboard.rewards import rewards

        return rewards(self.board)

    @cached_property
    def regrets(self) -> dict[str, dict[str, Regret]]:
        """Measure -> label -> regret."""
        return {measure: self._regrets(measure) for measure in BOUNDS}

    def of(self, entry: Entry) -> "pd.DataFrame":
        return self.objects.loc[self.objects["label"] == entry.label]

    def spread(self, objects: "pd.DataFrame") -> Spread:
        """Shares and total variation of some objects."""
        large = objects.loc[(objects["pixels"] >= FEWEST_PIXELS) & objects["material"].isin(self.ambiguous)]
        ab = large[["a", "b"]].to_numpy(float)
        place = large["material"].to_numpy()
        near_mode, near_mean, variation = np.zeros(len(large), bool), np.zeros(len(large), bool), []
        for material in self.ambiguous:
            mine, mixture = place == material, self.truth.mixtures[material]
            distance = np.linalg.norm(ab[mine][:, None] - np.array(mixture.modes)[None], axis=2)
            near_mode[mine] = (distance <= NEAR).any(axis=1)
            near_mean[mine] = np.linalg.norm(ab[mine] - np.array(mixture.mean), axis=1) <= NEAR
            if mine.any():
                variation.append(total_variation(distance, mixture.weights))
        gray = np.linalg.norm(ab, axis=1) <= NEAR
        if not len(large):
            return Spread(math.nan, math.nan, math.nan, math.nan)
        return Spread(float(near_mode.mean()), float(near_mean.mean()), float(gray.mean()), float(np.mean(variation)))

    def _regrets(self, measure: str) -> dict[str, Regret]:
        labels = [entry.label for entry in self.entries]
        if BOUNDS[measure] not in labels:
            return {}
        pairs = self._comparisons(measure)
        bound, gray = labels.index(BOUNDS[measure]), labels.index("gray") if "gray" in labels else None
        to_gain = math.nan if gray is None else pairs.difference[gray, bound]
        half = pairs.half_width()
        return {
            label: Regret(
                float(pairs.difference[k, bound]),
                float(half[k, bound]) if k != bound else 0.0,
                float(pairs.difference[k, bound] / to_gain),
                _p_below(pairs, k, bound),
            )
            for k, label in enumerate(labels)
        }

    def _comparisons(self, measure: str) -> Comparisons:
        """All pairs of entries in one measure, replicated over seeds and paired over scenes."""
        seeds, photos = [], []
        for entry in self.entries:
            values = self.per_scene(entry, measure)
            seeds.append(values.mean(axis=1))
            photos.append(values.mean(axis=0))
        return compare(sample(seeds, np.stack(photos), np.array([entry.fixed for entry in self.entries])))

    def per_scene(self, entry: Entry, measure: str) -> np.ndarray:
        """`(seeds, scenes)`: a measure of each scene, mean over its pixels."""
        mine = self.of(entry)
        weighted = mine.assign(total=mine[measure] * mine["pixels"] / self.truth.size_px**2)
        return weighted.pivot_table(index="seed", columns="scene", values="total", aggfunc="sum").to_numpy(float)


def total_variation(distance: np.ndarray, weights: tuple[float, ...]) -> float:
    """Between the true weights and the shares of objects `(n, modes)` nearest to each mode and within NEAR of it.

    >>> total_variation(np.array([[0.0, 30.0], [1.0, 30.0], [15.0, 15.0], [30.0, 2.0]]), (0.5, 0.5))
    0.25
    """
    nearest = np.where(distance.min(axis=1) <= NEAR, distance.argmin(axis=1), len(weights))
    shares = np.bincount(nearest, minlength=len(weights) + 1) / len(nearest)
    return float(np.abs(shares - np.array([*weights, 0.0])).sum() / 2)


def _p_below(pairs: Comparisons, k: int, bound: int) -> float:
    p = float(pairs.p[k, bound])
    if k == bound or not math.isfinite(p):
        return 1.0
    return p / 2 if pairs.difference[k, bound] < 0 else 1 - p / 2


def leaks(found: Ambiguity) -> list[str]:
    """Entries that are significantly better than the best possible (Holm over entries and measures): the harness leaks."""
    tests = [
        (r.p_below, f"{label}: {MEASURES[m]} {r.value:+.3g} beside the best possible")
        for m, regrets in found.regrets.items()
        for label, r in regrets.items()
        if label not in BAYES
    ]
    tests.sort()
    hits = []
    for place, (p, text) in enumerate(tests):
        if p * (len(tests) - place) >= ALPHA:
            break
        hits.append(text)
    return hits


def read_ambiguity(board: Board) -> Ambiguity | None:
    """The analysis of a board of generated scenes; None for other boards, and where no pictures are stored.

    Measured from predictions; where those were not kept, from the `objects.parquet` that was exported with the records.
    """

    path = board.folder / TRUTH
    if path.is_symlink() or not path.is_file():
        return None
    truth = read_truth(path)
    if (board.folder / REFERENCES).is_dir():
        objects = measure_objects(board, truth)
    elif (board.folder / OBJECTS).is_file():
        objects = read_table(board.folder / OBJECTS)
    else:
        return None
    return Ambiguity(board, truth, objects) if len(objects) else None


def measure_objects(board: Board, truth: Truth) -> "pd.DataFrame":
    """One row per run, scene and visible object."""
    import pandas as pd

    numbers, facts = _label_objects(truth)
    true = _pictures(board.folder / REFERENCES, truth)
    if true is None:
        raise ValueError(
            f"{REFERENCES} does not hold the scenes that {TRUTH} describes: run the suite into another --out"
        )
    target = _lab(true)
    parts = []
    for entry in board.entries:
        for run in entry.runs:
            pictures = _pictures(run.folder / PREDICTIONS, truth)
            if pictures is not None:
                parts.append(_rows(entry, run, _lab(pictures), target, numbers, facts))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _rows(entry: Entry, run: Run, lab, target, numbers: np.ndarray, facts: dict[str, np.ndarray]) -> "pd.DataFrame":
    """The objects of one run. Columns beside `facts`: label, seed, mean predicted a and b, three mean errors."""
    import pandas as pd

    from colorbench.metrics.delta_e import delta_e_2000_lab

    difference = (lab[:, 1:] - target[:, 1:]).numpy()
    planes = {
        "a": lab[:, 1].numpy(),
        "b": lab[:, 2].numpy(),
        "squared": (difference**2).sum(axis=1),
        "absolute": np.abs(difference).sum(axis=1),
        "delta-e-2000": delta_e_2000_lab(lab, target).numpy(),
    }
    flat, count = numbers.ravel(), facts["pixels"]
    means = {key: np.bincount(flat, plane.ravel(), len(count)) / count for key, plane in planes.items()}
    columns = {key: np.float32(np.round(value, 3)) for key, value in means.items()}
    return pd.DataFrame({"label": entry.label, "seed": run.record.cell.seed, **facts, **columns})


def _label_objects(truth: Truth) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Running numbers of all visible objects `(n, s, s)`, and what is known of each."""
    maps, rows = [], []
    for scene_number, scene in enumerate(truth.scenes):
        visible, where = np.unique(scene.objects, return_inverse=True)
        maps.append(where.reshape(scene.objects.shape) + len(rows))
        for place, count in zip(visible, np.bincount(where.ravel())):
            rows.append((scene_number, int(place), scene.materials[place], scene.modes[place], int(count)))
    columns = zip(("scene", "object", "material", "mode", "pixels"), np.array(rows, dtype=np.int32).T)
    return np.stack(maps), dict(columns)


def _pictures(folder: Path, truth: Truth) -> np.ndarray | None:
    """The scenes' pictures in a folder, in order, uint8 `(n, 3, s, s)`; None when one is absent or of another size."""
    paths = [folder / f"{name}.png" for name in truth.ids]
    if folder.is_symlink() or any(path.is_symlink() or not path.is_file() for path in paths):
        return None
    pictures = [decode_photo(path) for path in paths]
    if any(picture.shape != (truth.size_px, truth.size_px, 3) for picture in pictures):
        return None
    return np.stack(pictures).transpose(0, 3, 1, 2)


def _lab(pictures: np.ndarray):
    import torch

    from colorbench.color import rgb_to_lab

    return rgb_to_lab(torch.from_numpy(np.ascontiguousarray(pictures)))
