"""The plan of a run: every cell of a suite with its number of steps, and what is on disk for it. Nothing is started."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from colorbench.cell import Cell, Suite
from colorbench.files import STEP_TABLE, SUITE
from colorbench.grid.state import CellState, state_of
from colorbench.suites.budget import resolve_budget, with_steps
from colorbench.suites.expand import expand_suite
from colorbench.suites.load import read_written_suite
from colorbench.suites.step_table import StepTable, find_table, read_table


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        suite: with the name of its step table in the protocol, where its budget is counted by one.
        out, source: where results go, and where the photos are.
        states: every cell with its state.
        photos: how many there are, and what was left out.
        photo_bytes: of those to train on.
        skipped: (name, reason) of the pictures that give no photo.
        table: the step table, if any.
        expected_seconds: recipe's label -> device seconds that a cell should take: by budget or step table, else what
            the same recipe took here before. An absent label is unknown.
    """

    suite: Suite
    out: Path
    source: str | None
    states: tuple[tuple[Cell, CellState], ...]
    photos: str = ""
    photo_bytes: int = 0
    skipped: tuple[tuple[str, str], ...] = ()
    table: StepTable | None = None
    expected_seconds: dict[str, float] = field(default_factory=dict)

    @property
    def todo(self) -> list[Cell]:
        """Cells without a valid record."""
        return [cell for cell, state in self.states if state.name != "done"]

    @property
    def done(self) -> list[Cell]:
        return [cell for cell, state in self.states if state.name == "done"]

    @property
    def lacking(self) -> list[Cell]:
        """Done cells whose record lacks a metric of the suite."""
        wanted = set(self.suite.metrics)
        return [
            c for c, state in self.states if state.name == "done" and state.record and wanted - set(state.record.scores)
        ]


def plan_run(
    suite: Suite,
    *,
    out: Path | str = "runs",
    source: str | Path | None = None,
    table: StepTable | None = None,
    on_photos: Callable[[int, int], None] | None = None,
) -> Plan:
    """Look at the photos and at what is on disk; start nothing.

    Args:
        suite: see load_suite.
        out: output folder.
        source: where the photos are, when the dataset needs one.
        table: the step table of a `reference-seconds` budget; default the one that the suite names, or that an earlier
            call left in `out`. Under other budgets it only says how long cells should take.
        on_photos: told `(done, all)` while photos are decoded.

    Raises:
        ValueError: the folder holds another protocol's cells, the photos cannot be used, or the budget needs a step table.
        KeyError: a name in the suite is unknown.
    """
    from colorbench.data import load_protocol_photos

    out = Path(out)
    cells = expand_suite(suite, "0" * 64)  # wrong names are refused before any photo is read
    table = choose_table(suite, table, out / suite.name)
    suite = _with_table(suite, table)
    recipes = {cell.recipe.label: cell.recipe for cell in cells}
    budgets = {label: resolve_budget(recipe, suite.protocol, table) for label, recipe in recipes.items()}
    photos = load_protocol_photos(suite.protocol, source, on_photos)
    shortfall = _published_photos(suite, len(photos.test))
    refuse_other_protocol(suite, out)
    states = []
    for cell in cells:
        steps, provisional, _ = budgets[cell.recipe.label]
        known = {"protocol": suite.protocol, "data_hash": photos.hash, "steps": steps, "provisional": provisional}
        cell = cell.model_copy(update=known)
        states.append((cell, state_of(cell, out)))
    if foreign := [cell.folder for cell, state in states if state.name == "foreign"]:
        raise ValueError(
            f"{out / suite.name} holds results of another protocol, other photos or other settings (such as {foreign[0]}): "
            "choose another --out, or remove that folder"
        )
    expected = _seconds_before(states)
    expected |= {label: budget.seconds for label, budget in budgets.items() if budget.seconds is not None}
    about_photos = f"{photos.report.usage()}; {len(photos.train)} to train on, {len(photos.test)} to test{shortfall}"
    return Plan(
        suite, out, None if source is None else str(source), tuple(states), about_photos, photos.train.pixels.nbytes,
        tuple(photos.report.skipped), table, expected,
    )  # fmt: skip


def cells_with_steps(suite: Suite, table: StepTable | None) -> list[Cell]:
    """Every cell of a suite with its number of steps, before the photos are looked at. Errors: `plan_run`."""
    return [with_steps(cell, table) for cell in expand_suite(suite, "0" * 64)]


def refuse_other_protocol(suite: Suite, out: Path) -> Suite | None:
    """The suite that an earlier run wrote into this folder; None when there is none.

    Raises:
        ValueError: it holds other things fixed, or its file is damaged.
    """
    path = out / suite.name / SUITE
    if not path.exists():
        return None
    before = read_written_suite(path)
    if before.protocol != suite.protocol:
        raise ValueError(
            f"{path.parent} was made with another protocol (budget {before.protocol.budget}, {before.protocol.size_px} px, "
            f"dataset {before.protocol.dataset}): choose another --out"
        )
    return before


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


def _with_table(suite: Suite, table: StepTable | None) -> Suite:
    """The suite with the table's name in its protocol if the budget counts by a table, else without."""
    sha256 = table.sha256 if table is not None and suite.protocol.budget.kind == "reference-seconds" else None
    if suite.protocol.table_sha256 == sha256:
        return suite
    return suite.model_copy(update={"protocol": suite.protocol.model_copy(update={"table_sha256": sha256})})


def _published_photos(suite: Suite, count: int) -> str:
    """A remark on the number of test photos, when the suite follows a published protocol.

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


def _seconds_before(states: list[tuple[Cell, CellState]]) -> dict[str, float]:
    """Training seconds of each recipe in its first record here. One pass: a plan may have ten thousand cells."""
    found: dict[str, float] = {}
    for cell, state in states:
        if state.name == "done" and state.record and state.record.spent.steps:
            found.setdefault(cell.recipe.label, state.record.cost.train_seconds)
    return found


def _needs_table(suite: Suite) -> str:
    protocol = suite.protocol
    if protocol.table_sha256:
        return (
            f"suite {suite.name} names the step table {protocol.table_sha256[:12]}, which was not found: "
            "give it with --table FILE"
        )
    return (
        f"suite {suite.name} has a budget of {protocol.budget} (reference seconds) and needs a step table: run "
        f"`colorbench calibrate {suite.name} --data ...` on the reference GPU, then `--table FILE`; "
        "or give another budget, such as --budget 60s of this device's time"
    )
