"""From a budget to steps: what each cell of a suite gets, and how long it should take on the reference."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from colorbench.cell import Budget, Cell, Protocol, Suite
from colorbench.suites.spending import Allowance, Spending
from colorbench.suites.step_table import TABLE_NAME, StepTable, find_table, read_table, steps_in
from colorbench.suites.work import Work, work_of


class Planned(NamedTuple):
    """What a cell gets. `seconds`: device seconds it should take, on the reference where a table says so; None unknown."""

    allowance: Allowance = Allowance()
    seconds: float | None = None


def choose_table(suite: Suite, given: StepTable | None, folder: Path) -> StepTable | None:
    """The step table of a run: the given one, that which the suite names (shipped, or beside its cells), or none.

    Args:
        folder: of the suite's cells, where an earlier call left its table.

    Raises:
        ValueError: the budget needs a table and there is none, or it is the wrong one.
    """
    protocol, own = suite.protocol, folder / TABLE_NAME
    table = given
    if table is None and protocol.table_sha256:
        table = find_table(protocol.table_sha256, folder)
    elif table is None and own.is_file() and protocol.budget.kind == "reference-seconds":
        table = read_table(own)
    if protocol.budget.kind == "reference-seconds" and table is None:
        raise ValueError(_needs_table(suite))
    if table is not None:
        table.check(protocol)
    return table


def with_table(suite: Suite, table: StepTable | None) -> Suite:
    """The suite with its table's name in the protocol, where the budget is counted by it; elsewhere without."""
    sha256 = table.sha256 if table is not None and suite.protocol.budget.kind == "reference-seconds" else None
    if suite.protocol.table_sha256 == sha256:
        return suite
    return suite.model_copy(update={"protocol": suite.protocol.model_copy(update={"table_sha256": sha256})})


def plan_steps(cells: Iterable[Cell], table: StepTable | None) -> dict[str, Planned]:
    """What every recipe of these cells gets, by its label.

    Raises:
        ValueError: a budget in FLOPs for a generator that cannot be counted; a recipe without a row in a table that is
            too small to estimate one; a budget below one step.
    """
    found: dict[str, Planned] = {}
    for cell in cells:
        if cell.recipe.label not in found:
            found[cell.recipe.label] = _planned(cell, table)
    return found


def _planned(cell: Cell, table: StepTable | None) -> Planned:
    budget, protocol = cell.protocol.budget, cell.protocol
    if cell.is_baseline:
        return Planned(seconds=0.0)
    if budget.kind == "seconds":
        return Planned(seconds=budget.amount)
    if budget.kind == "reference-seconds":
        return _by_table(cell, budget, table)
    allowance = Allowance(flops_per_step=_flops(cell)) if budget.kind == "flops" else Allowance()
    row = table and table.find(work_of(cell.recipe, protocol))
    steps = Spending(budget, protocol.batch, allowance.flops_per_step).planned_steps
    return Planned(allowance, row.seconds * steps if row else None)


def _by_table(cell: Cell, budget: Budget, table: StepTable | None) -> Planned:
    if table is None:
        raise ValueError(f"{cell.recipe.label}: a budget of {budget} needs a step table")
    work = work_of(cell.recipe, cell.protocol)
    row = table.find(work)
    seconds = row.seconds if row else _estimated(table, work, cell, cell.protocol)
    steps = steps_in(budget, seconds)
    return Planned(Allowance(table_steps=steps, provisional=row is None), steps * seconds)


def _estimated(table: StepTable, work: Work, cell: Cell, protocol: Protocol) -> float:
    from colorbench.suites.estimate import estimate_seconds
    from colorbench.training.flops import count_step

    counted = count_step(cell.recipe, protocol)
    return estimate_seconds(table, work, counted.activations, counted.macs).seconds


def _flops(cell: Cell) -> int:
    from colorbench.training.flops import count_step

    counted = count_step(cell.recipe, cell.protocol)
    if counted.flops is None:
        raise ValueError(f"{cell.recipe.label}: a flops budget needs the FLOPs of a step: {counted.reason}")
    return counted.flops


def _needs_table(suite: Suite) -> str:
    protocol = suite.protocol
    if protocol.table_sha256:
        return (
            f"suite {suite.name} names the step table {protocol.table_sha256[:12]}, which is not here: "
            "give it with --table FILE"
        )
    return (
        f"suite {suite.name} has a budget of {protocol.budget} (reference seconds) and needs a step table: run "
        f"`colorbench calibrate {suite.name} --data ...` on the reference GPU, then `--table FILE`; "
        "or give another budget, such as --budget 60s of this device's time"
    )
