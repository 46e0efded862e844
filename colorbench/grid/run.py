"""run(suite): cells that are not done yet, through an executor, and then the board. Calling it again finishes what is left."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol as Interface
from typing import runtime_checkable

from colorbench.cell import Cell, Suite
from colorbench.files import STEP_TABLE, write_atomically
from colorbench.grid.adopt import adopt_cells
from colorbench.grid.cells import expand_suite
from colorbench.grid.job import Job
from colorbench.grid.state import CellState, state_of
from colorbench.grid.steps import choose_table, plan_steps, with_table
from colorbench.record import Record, read_record
from colorbench.suites.budget import Resolved
from colorbench.suites.load import read_written_suite
from colorbench.suites.step_table import StepTable, write_table

SUITE_NAME = "suite.json"
REFERENCES = "references"


@runtime_checkable
class Executor(Interface):
    """Who runs jobs: `execute(jobs, on_event) -> problems`."""

    def execute(self, jobs: Sequence[Job], on_event: Callable) -> list[str]: ...


@dataclass(frozen=True)
class Plan:
    """What a run would do: every cell with its state; `todo` and `rescore` are the ones to work on."""

    suite: Suite
    out: Path
    source: str | None
    states: tuple[tuple[Cell, CellState], ...]
    photos: str = ""
    table: StepTable | None = None
    steps: dict[str, Resolved] = field(default_factory=dict)

    @property
    def todo(self) -> list[Cell]:
        return [cell for cell, state in self.states if state.name != "done"]

    @property
    def rescore(self) -> list[Cell]:
        """Done cells whose record lacks a metric of the suite."""
        return [
            cell
            for cell, state in self.states
            if state.name == "done" and set(self.suite.metrics) - set(state.record.scores)
        ]

    def expected_seconds(self, cell: Cell) -> float | None:
        """Device time a cell should take: by its budget or the step table; else what the same recipe took here before."""
        resolved = self.steps.get(cell.recipe.label, Resolved())
        if resolved.seconds is not None:
            return resolved.seconds
        return self._seconds_before.get(cell.recipe.label)

    @cached_property
    def _seconds_before(self) -> dict[str, float]:
        """Training seconds of each recipe in its first record here. One pass: a plan may have ten thousand cells."""
        found: dict[str, float] = {}
        for cell, state in self.states:
            if state.name == "done" and state.record.spent.steps:
                found.setdefault(cell.recipe.label, state.record.cost.train_seconds)
        return found


@dataclass(frozen=True)
class RunReport:
    """What a run did. `problems` are sentences about cells that are not recorded and can be run again."""

    plan: Plan
    records: tuple[Record, ...]
    ran: int
    problems: tuple[str, ...]
    board: Path | None

    def by_status(self, status: str) -> list[Record]:
        return [record for record in self.records if record.status == status]

    @property
    def missing(self) -> dict[str, str]:
        """Metrics that could not be measured, each with its reason."""
        return {
            key: score.reason
            for record in self.records
            for key, score in record.scores.items()
            if score.value is None and score.reason
        }


def plan_run(
    suite: Suite,
    *,
    out: Path | str = "runs",
    source: str | Path | None = None,
    table: StepTable | None = None,
    on_photos=None,
) -> Plan:
    """Look at the photos and at what is on disk; start nothing.

    Args:
        table: the step table of a `reference-seconds` budget; default the one that the suite names, or that an earlier
            call left in `out`. Under other budgets it only says how long cells should take.

    Raises:
        ValueError: the folder holds another protocol's cells, the photos cannot be used, or the budget needs a step table.
        KeyError: a name in the suite is unknown.
    """
    from colorbench.data import load_protocol_photos

    out = Path(out)
    first = expand_suite(suite, "0" * 64)  # wrong names are refused before any photo is read
    table = choose_table(suite, table, out / suite.name)
    steps = plan_steps(first, table)
    suite = with_table(suite, table)
    photos = load_protocol_photos(suite.protocol, source, on_photos)
    shortfall = _published_photos(suite, len(photos.test))
    cells = [_with_steps(cell, steps[cell.recipe.label]) for cell in expand_suite(suite, photos.hash)]
    states = tuple((cell, state_of(cell, out)) for cell in cells)
    if foreign := [cell.folder for cell, state in states if state.name == "foreign"]:
        raise ValueError(
            f"{out / suite.name} holds results of another protocol, other photos or other settings (such as {foreign[0]}): "
            "choose another --out, or remove that folder"
        )
    sentence = f"{photos.report.sentence()}; {len(photos.train)} to train on, {len(photos.test)} to test{shortfall}"
    return Plan(suite, out, None if source is None else str(source), states, sentence, table, steps)


def _with_steps(cell: Cell, resolved: Resolved) -> Cell:
    return cell.model_copy(update={"steps": resolved.steps, "provisional": resolved.provisional})


def _published_photos(suite: Suite, count: int) -> str:
    """What is to be said of the number of test photos, when the suite follows a published protocol.

    Raises:
        ValueError: these are not that protocol's photos.
    """
    expected = suite.test_photos
    if expected is None or suite.protocol.dataset != "train-val" or suite.protocol.limit_test or count == expected:
        return ""
    if not 0.98 * expected <= count < expected:  # damaged, tiny and equal photos are left out
        raise ValueError(
            f"suite {suite.name} tests {expected} published photos, val/ gives {count}: put exactly those into val/, "
            "or use another suite with --dataset train-val for a split of your own"
        )
    return f" of the {expected} published ones"


def run(
    suite: Suite,
    *,
    out: Path | str = "runs",
    source: str | Path | None = None,
    executor: Executor | None = None,
    plugins: Sequence[str] = (),
    checkpoint_seconds: float = 20.0,
    rescore: bool = False,
    table: StepTable | None = None,
    plan: Plan | None = None,
    on_event: Callable | None = None,
    build: bool = True,
) -> RunReport:
    """Run what is left of a suite and build its board.

    Args:
        suite: what to run; see load_suite.
        out: output folder; cells go to `out/<suite>/<recipe>/seed-<n>`.
        source: where the photos are, when the dataset needs one.
        executor: default LocalExecutor on every GPU, or on the CPU.
        plugins: plug-in files.
        rescore: score stored predictions again where a metric is empty in the record.
        table: the step table of a `reference-seconds` budget; see plan_run.
        plan: what `adopt` gave, when it is known already.
        on_event: told about starts, progress and ends.
        build: write tables, plots and the page at the end.
    """
    from colorbench.grid.local import LocalExecutor, find_devices

    plan = plan or adopt(plan_run(suite, out=out, source=source, table=table))
    suite = plan.suite
    save_references(plan)
    executor = executor or LocalExecutor(find_devices(), worker_environment(suite))
    jobs = [_job(plan, cell, plugins, checkpoint_seconds) for cell in plan.todo]
    again = [cell for cell, state in plan.states if state.name == "done"] if rescore else plan.rescore
    jobs += [_job(plan, cell, plugins, checkpoint_seconds, rescore=True) for cell in again]
    problems = executor.execute(jobs, on_event or (lambda event: None)) if jobs else []
    records = tuple(_records(plan))
    board = _board(plan) if build and records else None
    return RunReport(plan, records, len(jobs), tuple(problems), board)


def adopt(plan: Plan) -> Plan:
    """The plan after `suite.json` is written and cells that other suites in `out` have done are copied.

    Raises:
        ValueError: the folder was made with another protocol.
    """
    _write_suite(plan)
    if not adopt_cells(plan.suite, plan.todo, plan.out):
        return plan
    return replace(plan, states=tuple((cell, state_of(cell, plan.out)) for cell, _ in plan.states))


def worker_environment(suite: Suite) -> dict[str, str]:
    """Variables for workers: the suite's limit on downloads, unless the user set one."""
    if suite.download_mb is None or "COLORBENCH_DOWNLOAD_MB" in os.environ:
        return {}
    return {"COLORBENCH_DOWNLOAD_MB": f"{suite.download_mb:g}"}


def _job(plan: Plan, cell: Cell, plugins: Sequence[str], checkpoint_seconds: float, rescore: bool = False) -> Job:
    return Job(
        folder=(plan.out / cell.folder).resolve(),
        cell=cell,
        metrics=plan.suite.metrics,
        source=plan.source and _absolute(plan.source),
        timeout_seconds=plan.suite.cell_timeout_seconds,
        checkpoint_seconds=checkpoint_seconds,
        plugins=tuple(str(Path(plugin).resolve()) for plugin in plugins),
        rescore=rescore,
    )


def _absolute(source: str) -> str:
    return str(Path(source).resolve()) if Path(source).exists() else source


def _write_suite(plan: Plan) -> None:
    """`suite.json` beside the cells: the suite with all recipes that were ever run into this folder."""
    path, suite = plan.out / plan.suite.name / SUITE_NAME, plan.suite
    if path.exists():
        labels = {recipe.label for recipe in suite.recipes}
        before = read_written_suite(path)
        if before.protocol != suite.protocol:
            raise ValueError(
                f"{path.parent} was made with another protocol (budget {before.protocol.budget}, {before.protocol.size_px} px, "
                f"dataset {before.protocol.dataset}): choose another --out"
            )
        kept = tuple(recipe for recipe in before.recipes if recipe.label not in labels)
        suite = suite.model_copy(update={"recipes": suite.recipes + kept, "seeds": max(before.seeds, suite.seeds)})
    text = suite.model_dump_json(indent=1) + "\n"
    if not path.exists() or path.read_text() != text:
        write_atomically(path, text.encode())
    if plan.table is not None and suite.protocol.table_sha256:
        write_table(plan.table, path.parent / STEP_TABLE)


def _records(plan: Plan):
    for cell, _ in plan.states:
        path = plan.out / cell.folder / "record.json"
        if path.exists():
            yield read_record(path)


def _board(plan: Plan) -> Path:
    from colorbench.leaderboard import build

    return build(plan.out / plan.suite.name)


def save_references(plan: Plan) -> None:
    """The true test photos as evaluated, beside the cells: what strips and re-scoring need."""
    import numpy as np
    import torch

    from colorbench.data import load_protocol_photos
    from colorbench.data.mixtures import TRUTH
    from colorbench.training.evaluate import save_pictures

    folder, cell = plan.out / plan.suite.name / REFERENCES, plan.states[0][0]
    test = load_protocol_photos(cell.protocol, plan.source).test
    if test.truth is not None:
        test.truth.write(folder.parent / TRUTH)
    if folder.exists() and len(list(folder.glob("*.png"))) == len(test):
        return
    save_pictures(folder, torch.from_numpy(np.array(test.pixels)), test.ids)
