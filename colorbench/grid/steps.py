"""The step table of a run, and what its budget comes to for each recipe."""

from collections.abc import Iterable
from pathlib import Path

from colorbench.cell import Cell, Suite
from colorbench.files import STEP_TABLE
from colorbench.suites.budget import Resolved, resolve_budget
from colorbench.suites.step_table import StepTable, find_table, read_table


def choose_table(suite: Suite, given: StepTable | None, folder: Path) -> StepTable | None:
    """The step table of a run: the given one, that which the suite names (shipped, or beside its cells), or none.

    Args:
        folder: of the suite's cells, where an earlier call left its table.

    Raises:
        ValueError: the budget needs a table and there is none, or it is the wrong one.
    """
    protocol, own = suite.protocol, folder / STEP_TABLE
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


def plan_steps(cells: Iterable[Cell], table: StepTable | None) -> dict[str, Resolved]:
    """What the budget comes to for every recipe of these cells, by its label. Raises as `resolve_budget`."""
    recipes = {cell.recipe.label: cell for cell in cells}
    return {label: resolve_budget(cell.recipe, cell.protocol, table) for label, cell in recipes.items()}


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
