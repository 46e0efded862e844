"""Quality against cost, and one number across metrics.

The front shows what each cost buys; it names no single winner. The summary scales each metric so that the gray picture is 0
and a *fixed* reference row is 1, and takes the interquartile mean, so that no metric dominates by its scale.
"""

import numpy as np
from jaxtyping import Bool, Float

from colorbench.leaderboard.entries import Board, Entry

REFERENCE_ROW = "oracle-quarter"
COSTS = {
    "train_seconds": ("training time", "s"),
    "parameters": ("parameters", "M"),
    "peak_bytes": ("peak memory", "GB"),
    "joules": ("energy", "kJ"),
}
_SCALE = {"train_seconds": 1.0, "parameters": 1e-6, "peak_bytes": 1e-9, "joules": 1e-3}


def cost(entry: Entry, key: str) -> float:
    """Mean cost over the seeds, in the unit of `COSTS`; NaN where it was not measured, and for baselines."""
    if entry.kind == "baseline":
        return float("nan")
    facts = [run.record.generator if key == "parameters" else run.record.cost for run in entry.runs]
    values = [value for fact in facts if (value := getattr(fact, key)) is not None]
    measured = key == "parameters" or entry.kind == "trained"
    return float(np.mean(values)) * _SCALE[key] if values and measured else float("nan")


def varies(values: Float[np.ndarray, "n"]) -> bool:
    """Whether a cost differs between entries: one that the budget fixes does not, nor does one that was not measured."""
    finite = values[np.isfinite(values)]
    return len(finite) > 1 and bool(np.ptp(finite) > 0.01 * np.abs(finite).max())


def truth_colorfulness(board: Board) -> float | None:
    """The test photos' mean colorfulness: the gray picture's own, nearly 0, plus its error."""
    gray = board.entry("gray")
    if gray is None or not {"colorfulness", "colorfulness-error"} <= set(board.metrics):
        return None
    total = sum(float(gray.seed_values(metric).mean()) for metric in ("colorfulness", "colorfulness-error"))
    return total if np.isfinite(total) else None


def pareto(
    cost: Float[np.ndarray, "n"], quality: Float[np.ndarray, "n"], higher_is_better: bool
) -> Bool[np.ndarray, "n"]:
    """Which points no other one beats: none is as cheap and better, or cheaper and as good. NaN is never on the front.

    >>> pareto(np.array([1.0, 2.0, 3.0]), np.array([20.0, 19.0, 25.0]), True)
    array([ True, False,  True])
    """
    gain = quality if higher_is_better else -quality
    front = np.zeros(len(cost), bool)
    best = -np.inf
    usable = np.flatnonzero(np.isfinite(cost) & np.isfinite(gain))
    for k in usable[np.lexsort((-gain[usable], cost[usable]))]:
        if gain[k] > best:
            front[k], best = True, gain[k]
    return front


def gray_normalized(board: Board):
    """`(metrics, values)`: per entry and usable metric, 0 at gray and 1 at the reference row. None without those rows.

    A metric is usable when it has a direction and gray and reference differ in the right direction.
    """
    gray, best = board.entry("gray"), board.entry(REFERENCE_ROW)
    if gray is None or best is None:
        return None
    metrics, columns = [], []
    for metric in board.metrics:
        direction = board.higher_is_better(metric)
        low, high = (float(np.mean(entry.seed_values(metric))) for entry in (gray, best))
        if direction is None or not np.isfinite(high - low) or (high - low > 0) != direction or high == low:
            continue
        metrics.append(metric)
        columns.append([(entry.seed_values(metric) - low) / (high - low) for entry in board.entries])
    return (metrics, columns) if metrics else None


def summary(board: Board) -> tuple[list[str], Float[np.ndarray, "n 2"]]:
    """The metrics used, and each entry's interquartile mean over them with its standard deviation over seeds."""
    from scipy import stats

    scaled = gray_normalized(board)
    if scaled is None:
        return [], np.full((len(board.entries), 2), np.nan)
    metrics, columns = scaled
    rows = []
    for k in range(len(board.entries)):
        per_seed = stats.trim_mean(np.stack([column[k] for column in columns]), 0.25, axis=0)
        rows.append((per_seed.mean(), per_seed.std(ddof=1) if len(per_seed) > 1 else np.nan))
    return metrics, np.array(rows)
