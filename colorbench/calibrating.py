"""`colorbench calibrate`: a bar, a table of times, and what to do with the file."""

from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from colorbench.cell import Budget
from colorbench.console import TimeLeft, fail, note, notes, progress, show, show_table, warn
from colorbench.grid.calibrate import Calibration, Step, calibrate
from colorbench.plugins import load_plugins
from colorbench.suites import load_suite, override_suite
from colorbench.suites.step_table import StepTable, steps_in

_STEADY = 1.2  # a step's slowest block over its fastest, on a device of one's own


def calibrate_suite(
    name: str,
    *,
    source: str | None,
    overrides: dict,
    out: Path | None,
    device: str | None,
    warmup_steps: int | None,
    block_steps: int | None,
    plugins: list[Path],
) -> int:
    """Time a suite's recipes and print the result; return the exit status: 0, or 1 when a recipe failed."""
    load_plugins(plugins)
    suite = override_suite(load_suite(name), source=source, **overrides)
    out = out or Path(f"{suite.name}-steps.json")
    note(f"{suite.name}: timing {len(suite.recipes)} recipes; parts are kept in {out}.parts/")
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} blocks"),
    )
    with progress(*columns, TimeElapsedColumn(), TimeLeft()) as bars:
        found = calibrate(
            suite, out=out, source=source, device=device, warmup_steps=warmup_steps, block_steps=block_steps,
            on_step=_Watcher(bars),
        )  # fmt: skip
    show_times(found.table, suite.protocol.budget)
    _tell(found, name, suite.protocol.budget.kind == "reference-seconds")
    return 1 if found.table.failures else 0


class _Watcher:
    """One bar; failures as lines above it, once each."""

    def __init__(self, bars: Progress):
        self.bars, self.task, self.told = bars, bars.add_task("photos and the first model", total=None), set()

    def __call__(self, step: Step) -> None:
        self.bars.update(self.task, description=step.label, completed=step.done, total=step.total)
        if step.failure and step.label not in self.told:
            self.told.add(step.label)
            fail(f"{step.label} left out: {step.failure}")
        elif not notes.is_terminal and step.seconds is not None:
            note(f"{step.done}/{step.total} {step.label}: {1000 * step.seconds:.2f} ms per step")


def show_times(table: StepTable, budget: Budget | None = None) -> None:
    """Print the rows of a step table, and the steps that a budget in reference-seconds holds."""
    counted = budget if budget is not None and budget.kind == "reference-seconds" else None
    heads = ["recipe", "ms per step", "blocks", "peak GB", "GMACs per picture", "GFLOPs per step"]
    rows = []
    for row in table.rows:
        spread = f"{1000 * min(row.blocks):.2f} - {1000 * max(row.blocks):.2f}"
        facts = [row.label, f"{1000 * row.seconds:.2f}", spread, _scaled(row.peak_bytes, 1e9), _scaled(row.macs, 1e9)]
        facts.append(_scaled(row.model_flops, 1e9))
        rows.append([*facts, *([_steps(counted, row.seconds)] if counted else [])])
    show_table([*heads, *([f"steps in {counted}"] if counted else [])], rows, title=str(table.conditions))


def _steps(budget: Budget, seconds: float) -> str:
    try:
        return str(steps_in(budget, seconds))
    except ValueError:
        return "none"


def _scaled(value: float | int | None, unit: float) -> str:
    return "-" if value is None else f"{value / unit:.3g}"


def _tell(found: Calibration, name: str, uses_table: bool) -> None:
    table = found.table
    note(f"{found.how_measured()}. Measured on {table.reference.device}, torch {table.reference.torch}.")
    if any(row.exclusive is False for row in table.rows):
        warn("Other processes computed on this GPU meanwhile: measure again when it is free.")
    if any(row.throttled for row in table.rows):
        warn("The GPU slowed itself down (heat or a power brake): cool it and measure again.")
    unsteady = [row.label for row in table.rows if max(row.blocks) > _STEADY * min(row.blocks)]
    if unsteady:
        warn(
            f"{len(unsteady)} of {len(table.rows)} rows vary by more than {_STEADY - 1:.0%} between blocks (such as "
            f"{unsteady[0]}): something else used the device; remove {found.path}.parts/ and measure when it is idle."
        )
    for failure in table.failures:
        fail(f"No row for {failure.label}: {failure.reason}. The same command tries it again.")
    show(f"{len(table.rows)} rows written to {found.path}, sha256 {table.sha256}")
    budget = "" if uses_table else " --budget 8rs"
    note(f"Use it: colorbench run {name} --table {found.path}{budget}")
