"""`colorbench calibrate` for people: a bar, a table of times, and what to do with the file."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from colorbench.grid.calibrate import Calibration, Step, calibrate
from colorbench.plugins import load_plugins
from colorbench.suites import load_suite, override_suite
from colorbench.suites.step_table import StepTable, steps_in

console = Console(highlight=False)
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
    """Time a suite's recipes and say what came of it; returns the exit status: 0, or 1 when a recipe failed."""
    load_plugins(plugins)
    suite = override_suite(load_suite(name), source=source, **overrides)
    out = out or Path(f"{suite.name}-steps.json")
    console.print(f"[bold]{suite.name}[/]: timing {len(suite.recipes)} recipes; parts are kept in {out}.parts/")
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} blocks"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True) as bars:
        found = calibrate(
            suite, out=out, source=source, device=device, warmup_steps=warmup_steps, block_steps=block_steps,
            on_step=_Watcher(bars),
        )  # fmt: skip
    console.print(times_table(found.table, suite.protocol.budget))
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
            self.bars.console.print(f"[red]{step.label} left out[/]: {step.failure}")
        elif not self.bars.console.is_terminal and not step.failure:
            self.bars.console.print(f"{step.done}/{step.total} {step.label}: {1000 * step.seconds:.2f} ms a step")


def times_table(table: StepTable, budget=None) -> Table:
    """The rows of a step table, and the steps that a budget in reference-seconds holds."""
    counts = budget is not None and budget.kind == "reference-seconds"
    printed = Table(
        "recipe", "ms a step", "blocks", "peak GB", "GMACs a picture", "GFLOPs a step", title=str(table.conditions)
    )
    if counts:
        printed.add_column(f"steps in {budget}")
    for row in table.rows:
        spread = f"{1000 * min(row.blocks):.2f} - {1000 * max(row.blocks):.2f}"
        facts = [row.label, f"{1000 * row.seconds:.2f}", spread, _scaled(row.peak_bytes, 1e9), _scaled(row.macs, 1e9)]
        facts.append(_scaled(row.model_flops, 1e9))
        printed.add_row(*facts, *([_steps(budget, row.seconds)] if counts else []))
    return printed


def _steps(budget, seconds: float) -> str:
    try:
        return str(steps_in(budget, seconds))
    except ValueError:
        return "none"


def _scaled(value: float | int | None, unit: float) -> str:
    return "-" if value is None else f"{value / unit:.3g}"


def _tell(found: Calibration, name: str, uses_table: bool) -> None:
    table = found.table
    console.print(f"{found.sentence()}. Measured on {table.reference.device}, torch {table.reference.torch}.")
    if any(row.exclusive is False for row in table.rows):
        console.print("[yellow]Other processes computed on this GPU meanwhile: measure again when it is free.[/]")
    if any(row.throttled for row in table.rows):
        console.print("[yellow]The GPU slowed itself down (heat or a power brake): cool it and measure again.[/]")
    unsteady = [row.label for row in table.rows if max(row.blocks) > _STEADY * min(row.blocks)]
    if unsteady:
        console.print(
            f"[yellow]{len(unsteady)} of {len(table.rows)} rows vary by more than {_STEADY - 1:.0%} between blocks[/] (such "
            f"as {unsteady[0]}): something else used the device; remove {found.path}.parts/ and measure when it is idle."
        )
    for failure in table.failures:
        console.print(f"[red]No row for {failure.label}[/]: {failure.reason}. The same command tries it again.")
    console.print(
        f"{len(table.rows)} rows, sha256 {table.sha256}", f"written to {found.path}", sep="\n", soft_wrap=True
    )
    budget = "" if uses_table else " --budget 8rs"
    console.print(f"Use it: colorbench run {name} --table {found.path}{budget}", soft_wrap=True)
