"""From a budget to a number of steps: the one place where the five kinds of budget become one integer.

`steps` and `samples` need no more than the protocol, `flops` the arithmetic of the generator, `reference-seconds` a step
table. A recipe that the table has not timed gets an estimate: log(seconds) = a + b log(activations) + c log(MACs) with
b, c >= 0, least squares over the rows of the table: those with the same loss and head when there are enough, else all.
Activations say more than MACs alone (Radosavovic 2020, arXiv 2003.13678); across networks of one family the error is
about 15 %, which is why such a budget is marked provisional. Only `seconds` stay open: the training loop reads its clock.
"""

import math
from collections import Counter
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from colorbench.cell import Cell, Protocol, Recipe
from colorbench.suites.step_table import StepKind, StepRow, StepTable, head_of, kind_of, steps_in

if TYPE_CHECKING:
    from colorbench.generators.flops import Arithmetic

LEAST_ROWS = 4


class Resolved(NamedTuple):
    """A budget as a number of steps.

    Attributes:
        steps: to train; None when the clock ends the training, and for baselines.
        provisional: the steps rest on an estimate.
        seconds: device seconds they should take, on the reference where a table says so; None when unknown.
    """

    steps: int | None = None
    provisional: bool = False
    seconds: float | None = None


def resolve_budget(recipe: Recipe, protocol: Protocol, table: StepTable | None = None) -> Resolved:
    """How many steps a recipe trains under a protocol.

    Args:
        recipe: with its loss; one without (a baseline) trains no step.
        protocol: its budget, batch and size.
        table: needed by `reference-seconds`; under other budgets it only says how long the steps should take.

    Raises:
        ValueError: no table; a table too small to estimate a recipe that it lacks; FLOPs that cannot be counted; a budget
            in reference seconds below one step.

    >>> budget = {"kind": "samples", "amount": 100}
    >>> protocol = Protocol(dataset="embedded", size_px=16, batch=8, budget=budget)
    >>> resolve_budget(Recipe(generator="unet", loss="l1"), protocol).steps
    12
    """
    budget = protocol.budget
    if recipe.loss == "none":
        return Resolved(seconds=0.0)
    if budget.kind == "seconds":
        return Resolved(seconds=budget.amount)
    row = table and table.find(kind_of(recipe, protocol))
    if budget.kind == "reference-seconds":
        if table is None:
            raise ValueError(
                f"{recipe.label}: a budget of {budget} (reference seconds) needs a step table; "
                "run `colorbench calibrate SUITE` on the reference GPU, or use --budget 60s"
            )
        seconds = row.seconds if row else _estimated_seconds(table, recipe, protocol)
        steps = steps_in(budget, seconds)
        return Resolved(steps, provisional=row is None, seconds=steps * seconds)
    unit = {"steps": 1, "samples": protocol.batch}.get(budget.kind) or _flops_per_step(recipe, protocol)
    steps = max(1, int(budget.amount // unit))
    if row is None or _grows(recipe, protocol):  # a table has steps at the full size alone
        return Resolved(steps)
    return Resolved(steps, seconds=row.seconds * steps)


def with_steps(cell: Cell, table: StepTable | None = None) -> Cell:
    """The cell with its number of steps; one that has them is returned unchanged. Raises as `resolve_budget`."""
    if cell.steps is not None:
        return cell
    found = resolve_budget(cell.recipe, cell.protocol, table)
    return cell.model_copy(update={"steps": found.steps, "provisional": found.provisional})


def count_step(recipe: Recipe, protocol: Protocol, side_px: int | None = None) -> "Arithmetic":
    """The arithmetic of one training step of this recipe on pictures of this side; default the protocol's."""
    from colorbench.generators.build import recorded_options
    from colorbench.generators.flops import count_arithmetic
    from colorbench.generators.row import HEAD_CHANNELS

    options = recorded_options(recipe.generator, recipe.untrained.options)
    size, channels = recipe.size_px or side_px or protocol.size_px, HEAD_CHANNELS[head_of(recipe)]
    counted = count_arithmetic(recipe.generator, options, channels, size, protocol.batch)
    if recipe.phases.plan != "joint":
        return counted._replace(flops=None, reason="its phases change what a step costs")
    return counted


def count_flops(cell: Cell, steps: int) -> float | None:
    """FLOPs of the first `steps` steps of a cell, forward and backward of its generator; None when they cannot be counted."""
    shown = None if cell.is_baseline else steps_by_size(cell, steps)
    if shown is None:
        return None
    total = 0
    for side, count in shown.items():
        flops = count_step(cell.recipe, cell.protocol, side).flops
        if flops is None:
            return None
        total += count * flops
    return float(total)


def steps_by_size(cell: Cell, steps: int) -> dict[int, int] | None:
    """How many of the first `steps` steps of a cell show pictures of each side; None when a clock decides that."""
    phases, full_px = cell.recipe.phases, cell.protocol.size_px
    if not _grows(cell.recipe, cell.protocol):
        return {phases.sizes(full_px)[0]: steps}
    if cell.steps is None:
        return None
    return Counter(phases.size_at(step / cell.steps, full_px) for step in range(steps))


def _grows(recipe: Recipe, protocol: Protocol) -> bool:
    """Whether training shows pictures of several sizes."""
    return len(set(recipe.phases.sizes(protocol.size_px))) > 1


def estimate_seconds(table: StepTable, kind: StepKind, activations: int | None, macs: int | None) -> float:
    """Seconds of a step that the table has no row for.

    Raises:
        ValueError: too few rows, or the arithmetic of the new network cannot be counted.
    """
    missing = f"step table {table.sha256[:12]} has no row for {kind.label}"
    if failed := next((f.reason for f in table.failures if f.label == kind.label), None):
        missing += f" (calibration failed: {failed})"
    if not activations or not macs:
        raise ValueError(
            f"{missing}, and none can be estimated, because its arithmetic cannot be counted: calibrate it on the reference"
        )
    usable = [row for row in table.rows if row.activations and row.macs]
    alike = [row for row in usable if (row.loss, row.head) == (kind.loss, kind.head)]
    chosen = alike if len(alike) >= LEAST_ROWS else usable
    if len(chosen) < LEAST_ROWS:
        raise ValueError(
            f"{missing}, and {len(chosen)} rows are too few to estimate one (it takes {LEAST_ROWS}): "
            "calibrate it on the reference (colorbench calibrate), or leave it out"
        )
    return _fit(chosen, activations, macs)


def _fit(rows: list[StepRow], activations: int, macs: int) -> float:
    """Centered, so that a feature which does not vary gets no slope; slopes below 0 would favor larger networks."""
    from scipy.optimize import nnls

    features = np.log([(row.activations or 1, row.macs or 1) for row in rows])  # the caller leaves out rows without
    times = np.log([row.seconds for row in rows])
    middle, mean = features.mean(axis=0), times.mean()
    slopes, _ = nnls(features - middle, times - mean)
    return math.exp(mean + float((np.log([activations, macs]) - middle) @ slopes))


def _estimated_seconds(table: StepTable, recipe: Recipe, protocol: Protocol) -> float:
    counted = count_step(recipe, protocol)
    return estimate_seconds(table, kind_of(recipe, protocol), counted.activations, counted.macs)


def _flops_per_step(recipe: Recipe, protocol: Protocol) -> float:
    """The mean over the sizes of its pictures, which have equal shares of the steps."""
    flops = []
    for side in recipe.phases.sizes(protocol.size_px):
        counted = count_step(recipe, protocol, side)
        if not counted.flops:
            raise ValueError(f"{recipe.label}: a flops budget needs the FLOPs of a step: {counted.reason}")
        flops.append(counted.flops)
    return fmean(flops)
