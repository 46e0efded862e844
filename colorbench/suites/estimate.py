"""Provisional step times: what a step that nobody measured should take, by its activations and multiply-accumulates.

log(seconds) = a + b log(activations) + c log(MACs) with b, c >= 0, least squares over the rows of a table: those with
the same loss and head when there are enough, else all. Activations say more than MACs alone (Radosavovic 2020, arXiv
2003.13678); across networks of one family the error is about 15 %, which is why such a budget is marked provisional.
"""

import math
from typing import NamedTuple

import numpy as np

from colorbench.suites.step_table import StepRow, StepTable
from colorbench.suites.work import Work

LEAST_ROWS = 4


class Estimate(NamedTuple):
    """`seconds` per step; `factor`: the rows of the fit lie within this factor of it (one standard deviation)."""

    seconds: float
    factor: float
    rows: int


def estimate_seconds(table: StepTable, work: Work, activations: int | None, macs: int | None) -> Estimate:
    """Seconds per step of work that has no row.

    Raises:
        ValueError: too few rows, or the new network's arithmetic cannot be counted.
    """
    missing = f"step table {table.sha256[:12]} has no row for {work.label}"
    if failed := next((f.reason for f in table.failures if f.label == work.label), None):
        missing += f" (calibration failed: {failed})"
    if not activations or not macs:
        raise ValueError(
            f"{missing}, and none can be estimated, because its arithmetic cannot be counted: calibrate it on the reference"
        )
    usable = [row for row in table.rows if row.activations and row.macs]
    alike = [row for row in usable if (row.loss, row.head) == (work.loss, work.head)]
    chosen = alike if len(alike) >= LEAST_ROWS else usable
    if len(chosen) < LEAST_ROWS:
        raise ValueError(
            f"{missing}, and {len(chosen)} rows are too few to estimate one (it takes {LEAST_ROWS}): "
            "calibrate it on the reference (colorbench calibrate), or leave it out"
        )
    return _fit(chosen, activations, macs)


def _fit(rows: list[StepRow], activations: int, macs: int) -> Estimate:
    """Centred, so that a feature which does not vary gets no slope; slopes below 0 would reward larger networks."""
    from scipy.optimize import nnls

    features = np.log([[row.activations, row.macs] for row in rows])
    times = np.log([row.seconds for row in rows])
    middle, mean = features.mean(axis=0), times.mean()
    slopes, _ = nnls(features - middle, times - mean)
    left = times - mean - (features - middle) @ slopes
    spread = math.sqrt(float((left**2).sum()) / max(1, len(rows) - 3))
    seconds = math.exp(mean + float((np.log([activations, macs]) - middle) @ slopes))
    return Estimate(seconds, math.exp(spread), len(rows))
