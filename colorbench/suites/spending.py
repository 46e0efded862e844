"""Spending: how far a run is into its budget, and when it is used up. The budget's meaning stands here and nowhere else."""

from typing import NamedTuple

from colorbench.cell import Budget


class Allowance(NamedTuple):
    """What turns a cell's budget into steps, where the budget alone does not.

    Attributes:
        table_steps: steps of this cell by the suite's step table (`reference-seconds`).
        flops_per_step: model FLOPs of one step (`flops`).
        provisional: the table has no row for this cell; its steps are an estimate.
    """

    table_steps: int | None = None
    flops_per_step: float | int | None = None
    provisional: bool = False


class Spending:
    """Turns steps and seconds into a share of the budget in [0, 1].

    Args:
        budget: what every cell of the suite gets.
        batch: photos a step.
        flops_per_step: model FLOPs of one step, forward and backward; needed by a `flops` budget.
        table_steps: steps of this cell in the reference table; needed by `reference-seconds`.
    """

    def __init__(
        self, budget: Budget, batch: int, flops_per_step: float | int | None = None, table_steps: int | None = None
    ):
        self.budget = budget
        self.planned_steps = _planned(budget, batch, flops_per_step, table_steps)

    def share(self, step: int, seconds: float) -> float:
        """The share of the budget used after `step` steps and `seconds` device seconds."""
        if self.planned_steps is not None:
            return min(1.0, step / self.planned_steps)
        return min(1.0, seconds / self.budget.amount)

    @property
    def needs_clock(self) -> bool:
        """True for a budget in seconds: then the clock, not the step, ends the run."""
        return self.planned_steps is None


def _planned(budget: Budget, batch: int, flops_per_step: float | int | None, table_steps: int | None) -> int | None:
    if budget.kind == "seconds":
        return None
    if budget.kind == "steps":
        return max(1, int(budget.amount))
    if budget.kind == "samples":
        return max(1, int(budget.amount // batch))
    if budget.kind == "flops":
        if not flops_per_step:
            raise ValueError("a flops budget needs the FLOPs of a step; this generator's could not be counted")
        return max(1, int(budget.amount // flops_per_step))
    if table_steps is None:
        raise ValueError(
            "a reference-seconds budget needs a step table with a row for this cell; "
            "run `colorbench calibrate SUITE` on the reference GPU, or use --budget 60s"
        )
    return table_steps
