"""What does each metric reward? Its order of predictions with known strengths.

On generated scenes `bayes-sample` has the right distribution of colors, `bayes-mode` commits to one color, `bayes-median`
and `bayes-mean` average, `gray` gives up, `shuffled-ab` is plausible in the wrong places. A metric under which `bayes-mean`
beats `bayes-sample` rewards averaging.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from colorbench.data.mixtures import TRUTH
from colorbench.files import PREDICTIONS, REFERENCES, write_atomically
from colorbench.leaderboard.entries import Board
from colorbench.leaderboard.intervals import compare, sample
from colorbench.leaderboard.tiers import ALPHA
from colorbench.leaderboard.untrusted import read_table
from colorbench.photo import decode_photo

if TYPE_CHECKING:
    import pandas as pd

COMPARED = ("bayes-sample", "bayes-mode", "bayes-median", "bayes-mean", "gray", "shuffled-ab")
KEPT = "rewards.parquet"
"""Scores of the compared baselines, kept beside the records: columns label, photo, metric, value; photo "" is a set's."""


@dataclass(frozen=True)
class Reward:
    """One metric's judgment.

    Attributes:
        means: label -> mean over the scenes.
        order: labels, best first; empty where the metric has no direction or tells none apart.
        apart: whether each of them but the last was told apart from the next (5 %, paired over scenes).
        averaging: whether the mean beats a sample: "yes", "no", "tied", or why that is unknown.
    """

    metric: str
    higher_is_better: bool | None
    means: dict[str, float]
    order: tuple[str, ...]
    apart: tuple[bool, ...]
    averaging: str

    @property
    def text(self) -> str:
        """The order, such as "mean > sample ≈ gray": told apart or not."""
        names = [label.removeprefix("bayes-").removesuffix("-ab") for label in self.order]
        signs = [" > " if told else " ≈ " for told in self.apart] + [""]
        return "".join(name + sign for name, sign in zip(names, signs))


def rewards(board: Board) -> list[Reward]:
    """Every metric that was measured, in the order of METRICS; empty without the six baselines and their pictures."""
    from colorbench.metrics import METRICS

    if any(board.entry(label) is None for label in COMPARED) or not (board.folder / TRUTH).is_file():
        return []
    frame = _scores(board)
    found = [_judge(row, frame.loc[frame["metric"] == key]) for key, row in METRICS.items()]
    return [reward for reward in found if reward is not None]


def rewards_table(judged: list[Reward]) -> "pd.DataFrame":
    """One row per metric: its direction, its order of the six, whether it rewards averaging, their means."""
    import pandas as pd

    rows = [
        {
            "metric": reward.metric,
            "higher_is_better": "" if reward.higher_is_better is None else str(reward.higher_is_better).lower(),
            "order": reward.text,
            "rewards_averaging": reward.averaging,
            **reward.means,
        }
        for reward in judged
    ]
    return pd.DataFrame(rows)


def keep_rewards(board: Board, metrics: Iterable[str] | None = None) -> None:
    """Score the compared baselines' stored pictures by every metric (or by these) and keep that beside the records.

    Later builds then need neither pictures nor weights.

    Raises:
        ValueError: a board of photos, or one that lacks a compared baseline or its pictures.
    """
    from colorbench.metrics import METRICS

    lacking = [label for label in COMPARED if not _pictured(board, label)]
    if not (board.folder / TRUTH).is_file() or not (board.folder / REFERENCES).is_dir():
        raise ValueError(
            f"{board.name} has no generated scenes with stored pictures: metrics can be compared only on these"
        )
    if lacking:
        raise ValueError(f"{board.name} has no stored pictures of {', '.join(lacking)}: run them first")
    file = io.BytesIO()
    measure_rewards(board, METRICS if metrics is None else metrics).to_parquet(file, index=False)
    write_atomically(board.folder / KEPT, file.getvalue())


def _pictured(board: Board, label: str) -> bool:
    entry = board.entry(label)
    return entry is not None and (entry.runs[0].folder / PREDICTIONS).is_dir()


def measure_rewards(board: Board, metrics: Iterable[str]) -> "pd.DataFrame":
    """Score the compared baselines' stored pictures. Metrics whose weights are missing are left out."""
    import pandas as pd
    import torch

    from colorbench.metrics import METRICS, References, score

    def stack(folder):
        pictures = [decode_photo(folder / f"{name}.png") for name in board.photos]
        return torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).copy())

    keys, parts = [key for key in METRICS if key in set(metrics)], []
    references = References(stack(board.folder / REFERENCES))
    for label in COMPARED if keys else ():
        entry = board.entry(label)
        assert entry is not None
        scored = score(stack(entry.runs[0].folder / PREDICTIONS), references, keys)
        for key in scored.columns:
            parts.append(_rows(label, board.photos, key, scored[key].to_numpy(float)))
        for key, value in scored.attrs["set"].items():
            parts.append(_rows(label, ("",), key, np.array([value])))
    columns = ["label", "photo", "metric", "value"]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return frame.loc[np.isfinite(frame["value"].to_numpy(float))]


def _scores(board: Board) -> "pd.DataFrame":
    """What was kept, what the records hold, and what is quick to measure."""
    import pandas as pd

    from colorbench.metrics import METRICS

    path = board.folder / KEPT
    kept = read_table(path) if path.is_file() and not path.is_symlink() else None
    parts = [] if kept is None else [kept]
    known = set() if kept is None else set(kept["metric"])
    for label in COMPARED:
        entry = board.entry(label)
        assert entry is not None
        run = entry.runs[0]
        for key, score in run.record.scores.items():
            if key in known or key not in METRICS:
                continue
            if run.scores is not None and key in run.scores:
                parts.append(_rows(label, run.scores.index, key, run.scores[key].to_numpy(float)))
            elif score.value is not None:
                parts.append(_rows(label, ("",), key, np.array([score.value])))
    known |= {key for part in parts for key in part["metric"].unique()}
    if (board.folder / REFERENCES).is_dir():
        quick = [key for key, row in METRICS.items() if row.per_image and row.needs is None and key not in known]
        parts.append(measure_rewards(board, quick))
    return pd.concat(parts, ignore_index=True)


def _rows(label: str, photos, metric: str, values: np.ndarray) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame({"label": label, "photo": list(photos), "metric": metric, "value": values})


def _judge(row, scores: "pd.DataFrame") -> Reward | None:
    table = scores.pivot_table(index="photo", columns="label", values="value", observed=True)
    if any(label not in table for label in COMPARED):
        return None
    table = table.loc[:, list(COMPARED)].replace([np.inf, -np.inf], np.nan).dropna()
    if table.empty:
        return None
    values = table.to_numpy(float).T
    means = {label: float(one.mean()) for label, one in zip(COMPARED, values)}
    if row.higher_is_better is None or np.ptp(values.mean(axis=1)) == 0:
        reason = "no direction" if row.higher_is_better is None else "tells none apart"
        return Reward(row.key, row.higher_is_better, means, (), (), reason)
    sign = -1 if row.higher_is_better else 1
    places = sorted(range(len(COMPARED)), key=lambda k: sign * values[k].mean())
    order, p = tuple(COMPARED[k] for k in places), _paired_p(values)
    apart = tuple(bool(p[one, other] < ALPHA) for one, other in pairwise(places))
    mean, drawn = COMPARED.index("bayes-mean"), COMPARED.index("bayes-sample")
    ahead = places.index(mean) < places.index(drawn)
    unknown = np.isnan(p[mean, drawn])
    averaging = "unknown" if unknown else "tied" if p[mean, drawn] >= ALPHA else "yes" if ahead else "no"
    return Reward(row.key, row.higher_is_better, means, order, apart, averaging)


def _paired_p(values: Float[np.ndarray, "n p"]) -> Float[np.ndarray, "n n"]:
    """Two-sided p of every pair of fixed predictions, paired over scenes; NaN where there is one value each."""
    fixed = np.ones(len(values), bool)
    photos = values if values.shape[1] > 1 else None
    return compare(sample([one.mean(keepdims=True) for one in values], photos, fixed)).p
