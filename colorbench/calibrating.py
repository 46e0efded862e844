"""`colorbench calibrate`: a bar, a table of times, and what to do with the file; and the table that a run needs."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from colorbench.cell import Budget, Cell, Suite
from colorbench.console import TimeLeft, duration, fail, loading, note, notes, progress, show, show_table, warn
from colorbench.errors import WrongUsage
from colorbench.files import STEP_TABLE
from colorbench.grid.calibrate import Calibration, Step, calibrate, parts_folder
from colorbench.grid.executors import find_devices
from colorbench.grid.plan import choose_table, refuse_other_protocol
from colorbench.plugins import load_plugins, loaded_files
from colorbench.suites import load_suite, override_suite
from colorbench.suites.budget import count_step
from colorbench.suites.load import suite_table
from colorbench.suites.step_table import Conditions, StepTable, kind_of, read_table, steps_in

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
    with loading():
        suite = override_suite(load_suite(name), source=source, **overrides)
        find_devices(device)
    out = out or Path(f"{suite.name}-steps.json")
    note(f"{suite.name}: timing {len(suite.recipes)} recipes; parts are kept in {out}.parts/")
    found = _calibrate(suite, out=out, source=source, device=device, warmup_steps=warmup_steps, block_steps=block_steps)
    show_times(found.table, suite.protocol.budget)
    _tell(found, name, suite.protocol.budget.kind == "reference-seconds")
    return 1 if found.table.failures else 0


def table_of_run(
    name: str, suite: Suite, *, given: Path | None, source: str | None, device: str | None, out: Path, keep: bool = True
) -> tuple[Suite, StepTable | None]:
    """The step table of a run, and the suite that names it or none.

    The given one, or that which the suite's file brings. A budget in reference seconds under other conditions (another size,
    batch or precision) has none: then the recipes are timed on this GPU first, and that table is kept beside the cells (not
    with `keep=False`, for a dry run).

    Raises:
        WrongUsage: it would have to be timed on a CPU.
    """
    if given is not None:
        return suite, read_table(given)
    protocol, brought = suite.protocol, suite_table(name)
    if brought is not None and brought.fits(protocol):
        return suite, brought
    suite = suite.model_copy(update={"protocol": protocol.model_copy(update={"table_sha256": None})})
    own = out / suite.name / STEP_TABLE
    if protocol.budget.kind != "reference-seconds" or own.is_file():
        return suite, choose_table(suite, None, own.parent)
    if find_devices(device)[0] == "cpu":
        raise WrongUsage(
            f"{name} needs a step table for its budget of {protocol.budget} (reference seconds). None is shipped for "
            f"{Conditions.of(protocol)}, and only a GPU can time the recipes: give --table FILE or another budget, "
            f"such as --budget 500steps, or run `{_small(source)}`, which is made for a CPU"
        )
    note(f"No step table is shipped for {Conditions.of(protocol)}: timing the recipes on this GPU first.")
    refuse_other_protocol(suite, out)
    if not keep:
        with TemporaryDirectory() as scratch:
            return suite, _calibrate_apart(suite, out=Path(scratch) / STEP_TABLE, source=source, device=device).table
    found = _calibrate_apart(suite, out=own, source=source, device=device)
    shutil.rmtree(parts_folder(own))
    _warn_of(found.table, f"remove {own}")
    note(f"Local table: {len(found.table.rows)} recipes on {found.table.reference.device}, kept in {own}.")
    return suite, found.table


def refuse_cpu(cells: Sequence[Cell], table: StepTable | None, name: str, source: str | None) -> None:
    """Say what the cells of a suite for a GPU would cost on this CPU, and what to run instead.

    Raises:
        WrongUsage: always, except when nothing is left to train.
    """
    operations = sum(_flops(cell, table) * cell.steps for cell in cells if cell.steps)
    if not operations:
        return
    seconds = operations / _cpu_flops()
    raise WrongUsage(
        f"{name} is made for a GPU: on this CPU its {len(cells)} cells would train for about {duration(seconds)}. "
        f"Run `{_small(source)}`, which compares losses in minutes, or add --device cpu to start {name} here anyway"
    )


def _flops(cell: Cell, table: StepTable | None) -> int:
    """FLOPs of a training step of the generator, from the table's MACs or counted."""
    row = table and table.find(kind_of(cell.recipe, cell.protocol))
    macs = row.macs if row else count_step(cell.recipe, cell.protocol).macs
    return 3 * 2 * (macs or 0) * cell.protocol.batch


def _cpu_flops() -> float:
    """Floating-point operations per second of a usual convolution on this CPU, forward and backward, over half a second."""
    import torch

    layer, picture = torch.nn.Conv2d(64, 64, 3, padding=1), torch.rand(2, 64, 64, 64)
    layer(picture).sum().backward()
    began, runs = time.perf_counter(), 0
    while (taken := time.perf_counter() - began) < 0.5:
        layer(picture).sum().backward()
        runs += 1
    return 2 * 2 * layer.weight.numel() * picture[:, 0].numel() * runs / taken  # forward, and the weight's gradient


def _small(source: str | None) -> str:
    return "colorbench run mini" + (f" --data {source}" if source else "")


def _calibrate(suite: Suite, **options) -> Calibration:
    """Calibrate and show a bar."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[blocks]}"),
    )
    with progress(*columns, TimeElapsedColumn(), TimeLeft()) as bars:
        return calibrate(suite, on_step=_Watcher(bars), **options)


def _calibrate_apart(suite: Suite, **options) -> Calibration:
    """`_calibrate` in a process of its own: what this one used of the GPU would stay beside every cell, as if others did."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(1, get_context("spawn"), load_plugins, ([*map(Path, loaded_files())],)) as process:
        return process.submit(_calibrate, suite, **options).result()


class _Watcher:
    """Shows one bar, and each failure once as a line above it."""

    def __init__(self, bars: Progress):
        self.bars, self.told = bars, set()
        self.task = bars.add_task("photos and the first model", total=None, blocks="")

    def __call__(self, step: Step) -> None:
        blocks = f"{step.done}/{step.total} blocks"
        self.bars.update(self.task, description=step.label, completed=step.done, total=step.total, blocks=blocks)
        if step.failure and step.label not in self.told:
            self.told.add(step.label)
            fail(f"{step.label} left out: {step.failure}")
        elif not notes.is_terminal and step.seconds is not None:
            note(f"{step.done}/{step.total} {step.label}: {1000 * step.seconds:.2f} ms per step")


def show_times(table: StepTable, budget: Budget | None = None) -> None:
    """Print the rows of a step table, and the steps that a budget in reference-seconds holds."""
    counted = budget if budget is not None and budget.kind == "reference-seconds" else None
    heads = ["recipe", "ms per step", "blocks", "ms to launch", "peak GB", "GMACs per picture", "GFLOPs per step"]
    rows = []
    for row in table.rows:
        spread = f"{1000 * min(row.blocks):.2f} - {1000 * max(row.blocks):.2f}"
        facts = [row.label, f"{1000 * row.seconds:.2f}", spread, _scaled(row.enqueue_seconds, 1e-3)]
        facts += [_scaled(row.peak_bytes, 1e9), _scaled(row.macs, 1e9), _scaled(row.model_flops, 1e9)]
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
    _warn_of(table, f"remove {found.path}.parts/")
    for failure in table.failures:
        fail(f"No row for {failure.label}: {failure.reason}. Run the same command to try it again.")
    show(f"{len(table.rows)} rows written to {found.path}, sha256 {table.sha256}")
    budget = "" if uses_table else " --budget 8rs"
    note(f"Use it: colorbench run {name} --table {found.path}{budget}")


def _warn_of(table: StepTable, to_measure_again: str) -> None:
    """What weakens these times, and what to do before they are measured again."""
    if any(row.exclusive is False for row in table.rows):
        warn("Other processes used this GPU during the measurement: measure again when it is free.")
    if any(row.throttled for row in table.rows):
        warn("The GPU throttled its clocks (heat or power limit): let it cool and measure again.")
    if bound := [row.label for row in table.rows if row.is_host_bound]:
        warn(
            f"{len(bound)} of {len(table.rows)} rows (such as {bound[0]}) are bound by launch overhead: they measure "
            "this machine's CPU, not its GPU."
        )
    if eager := [row.label for row in table.rows if row.captured is False]:
        warn(f"Not captured as CUDA graphs, so launched kernel by kernel: {', '.join(eager)}.")
    unsteady = [row.label for row in table.rows if max(row.blocks) > _STEADY * min(row.blocks)]
    if unsteady:
        warn(
            f"{len(unsteady)} of {len(table.rows)} rows vary by more than {_STEADY - 1:.0%} between blocks (such as "
            f"{unsteady[0]}); the table holds their medians. Something else used the device or the CPU beside it: "
            f"{to_measure_again} and measure again when both are idle."
        )
