"""`colorbench run` and `status` for people: tables, bars and sentences around colorbench.grid."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from colorbench.grid.executors import make_executor
from colorbench.grid.run import Plan, RunReport, adopt, plan_run, run, worker_environment
from colorbench.plugins import load_plugins
from colorbench.suites import load_suite, override_suite
from colorbench.suites.load import suite_table
from colorbench.suites.step_table import read_table

console = Console(highlight=False)
MOST_ROWS = 60  # of `colorbench status`
_LEFT = ("running", "interrupted", "waiting", "unreadable record")


def run_suite(
    name: str,
    *,
    source: str | None,
    overrides: dict,
    out: Path,
    executor: str,
    device: str | None,
    jobs: int,
    plugins: list[Path],
    rescore: bool,
    dry_run: bool,
    table: Path | None = None,
    settings: Sequence[str] = (),
) -> int:
    """Run a suite and say what happened; returns the exit status: 0, or 1 when cells are left over."""
    load_plugins(plugins)
    suite = override_suite(load_suite(name), source=source, **overrides)
    began = time.monotonic()
    steps = read_table(table) if table else suite_table(name)
    options = {"device": device, "jobs": jobs, "environment": worker_environment(suite), "out": out}
    runner = None if dry_run else make_executor(executor, settings=settings, **options)
    with console.status("looking at the photos"):
        plan = plan_run(suite, out=out, source=source, table=steps)
    suite = plan.suite
    console.print(f"[bold]{suite.name}[/]: {suite.title}", f"{plan.photos}.", sep="\n")
    if suite.note:
        console.print(f"[yellow]{suite.note}[/]")
    if dry_run:
        console.print(plan_table(plan))
        return 0
    todo, plan = len(plan.todo), adopt(plan)
    if todo > len(plan.todo):
        console.print(f"{todo - len(plan.todo)} cells copied from other suites in {out}.")
    with _bars() as bars:
        watcher = _Watcher(bars, len(plan.todo))
        report = run(
            suite, out=out, source=source, plan=plan, executor=runner, plugins=[str(p) for p in plugins],
            rescore=rescore, on_event=watcher,
        )  # fmt: skip
    _tell(report, time.monotonic() - began)
    return 1 if report.problems else 0


def plan_table(plan: Plan) -> Table:
    """Cells, keys, states and expected device time."""
    table = Table("cell", "key", "state", "expected", title=f"{len(plan.todo)} of {len(plan.states)} cells to run")
    total = 0.0
    for cell, state in plan.states:
        seconds = plan.expected_seconds(cell)
        todo = state.name != "done"
        total += (seconds or 0.0) if todo else 0.0
        expected = "-" if not todo else "unknown" if seconds is None else f"{seconds:.0f} s"
        if todo and cell.provisional:
            expected += ", provisional"
        table.add_row(f"{cell.recipe.label} seed {cell.seed}", cell.key[:12], state.name, expected)
    table.caption = f"known device time: {total:.0f} s"
    if plan.table is not None:
        table.caption += f", on {plan.table.reference.device} (step table {plan.table.sha256[:12]})"
    return table


def _bars() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


class _Watcher:
    """Turns an executor's events into one bar a running cell and one for the whole."""

    def __init__(self, bars: Progress, cells: int):
        self.bars, self.tasks = bars, {}
        self.whole = bars.add_task("all cells", total=max(1, cells), note=f"0/{cells}")
        self.cells, self.done = cells, 0

    def __call__(self, event) -> None:
        key = str(event.job.folder)
        if event.kind == "start":
            if key not in self.tasks:
                self.tasks[key] = self.bars.add_task(event.job.name, total=1.0, note="starting")
        elif event.kind == "progress":
            self.bars.update(self.tasks[key], completed=event.share, note=event.text)
        else:
            self.bars.remove_task(self.tasks.pop(key))
            self.done += 1
            self.bars.update(self.whole, completed=self.done, note=f"{self.done}/{self.cells}")
            if event.kind == "problem":
                self.bars.console.print(f"[red]{event.text}[/]")
            elif not self.bars.console.is_terminal:
                self.bars.console.print(f"{event.job.name} recorded ({self.done}/{self.cells})")


def _tell(report: RunReport, seconds: float) -> None:
    plan = report.plan
    left = len(plan.states) - len(report.records)
    console.print(f"{len(report.records)} of {len(plan.states)} cells recorded, {report.ran} run now, {seconds:.0f} s.")
    for record in report.records:
        if record.status != "done":
            console.print(
                f"[yellow]{record.cell.recipe.label} seed {record.cell.seed}: {record.status}[/]: {record.message}"
            )
    for key, reason in report.missing.items():
        console.print(f"[yellow]{key} is an empty column[/]: {reason}")
    for problem in report.problems:
        console.print(f"[red]{problem}[/]")
    if left:
        console.print(f"{left} cells are left; the same command goes on from here.")
    if report.board:
        markdown = report.board / "table.md" if report.board.is_dir() else report.board.parent / "table.md"
        if markdown.exists():
            console.print(markdown.read_text(), markup=False, soft_wrap=True)
        console.print(f"Board: {markdown.parent / 'index.html'}")


def show_status(folder: Path, watch: bool) -> None:
    """A table of all cells under a folder, from their records and progress files."""
    from rich.live import Live

    known: dict = {}
    table, left = status_table(folder, known)
    if not watch:
        console.print(table)
        return
    with Live(table, console=console) as live:
        while left:
            time.sleep(1.0)
            table, left = status_table(folder, known)
            live.update(table)


def status_table(folder: Path, known: dict | None = None) -> tuple[Table, int]:
    """The table, and how many cells are not recorded. Of many cells only those are shown that are under way.

    Args:
        folder: an output folder, or one in it.
        known: kept between calls, so that records are read once.
    """
    from colorbench.grid.status import cell_statuses, expected_cells

    rows = cell_statuses(folder, known)
    if not rows:
        raise ValueError(f"no cells under {folder}; give the --out folder of a run")
    counts = Counter(row.state for row in rows)
    total = max(expected_cells(folder), len(rows))
    if total > len(rows):
        counts["waiting"] += total - len(rows)
    table = Table("cell", "state", "share", "step", "loss", title=str(folder))
    table.caption = f"{total} cells: " + ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    for row in rows if total <= MOST_ROWS else [row for row in rows if row.state in _LEFT]:
        loss = "" if row.loss is None else f"{row.loss:.4g}"
        table.add_row(row.name, row.state, f"{row.share:.0%}", "" if row.step is None else str(row.step), loss)
    return table, sum(counts[state] for state in _LEFT)
