"""`colorbench run`: checks, the plan, bars and messages around colorbench.grid."""

import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from colorbench.calibrating import refuse_cpu, table_of_run
from colorbench.console import (
    add_bar,
    building,
    duration,
    fail,
    loading,
    note,
    progress,
    show,
    show_json,
    show_table,
    warn,
)
from colorbench.grid.estimate import estimate
from colorbench.grid.executors import (
    Executor,
    LocalExecutor,
    check_device,
    find_devices,
    make_executor,
    prepared,
    side_by_side,
)
from colorbench.grid.plan import Plan, cells_with_steps, plan_run
from colorbench.grid.run import RunReport, adopt, build_board, run, worker_environment
from colorbench.plugins import load_plugins
from colorbench.run_bars import watch_cells
from colorbench.scoring import name_files
from colorbench.suites import load_suite, override_suite
from colorbench.summary import read_summary, show_summary


def run_suite(
    name: str,
    *,
    source: str | None,
    overrides: dict,
    out: Path,
    executor: str,
    device: str | None,
    jobs: int | None,
    plugins: list[Path],
    rescore: bool,
    dry_run: bool,
    table: Path | None = None,
    settings: Sequence[str] = (),
    as_json: bool = False,
) -> int:
    """Run a suite and print the result; return the exit status: 0, or 1 when cells are left.

    A dry run makes every check that a run makes, shows the plan, and starts and writes nothing.
    """
    load_plugins(plugins)
    began = time.monotonic()
    suite = load_suite(name)
    check_device(device, numbered=executor == "local")
    with loading():
        suite = override_suite(suite, source=source, **overrides)
        devices = find_devices(device) if executor == "local" else []
    suite, steps = table_of_run(name, suite, given=table, source=source, device=device, out=out, keep=not dry_run)
    make = partial(
        make_executor, executor, device=device, environment=worker_environment(suite), out=out, settings=settings
    )
    # elsewhere the cells see other devices than this machine has; on a GPU the photos count, which are not known yet
    shared = jobs is None and executor == "local"
    runner = make(jobs=side_by_side(suite.protocol, "cpu") if shared and devices[0] == "cpu" else jobs or 1)
    _check_writable(out)
    # most CPUs emulate bfloat16: two minutes per step of pix2pix (32 photos of 64 px) where float32 takes three seconds
    for_gpu = suite.protocol.budget.kind == "reference-seconds" or suite.protocol.precision == "bf16"
    needs_gpu = for_gpu and device in (None, "auto") and _on_cpu(runner)
    if needs_gpu and not (out / suite.name).exists():  # said before the photos are looked at, which takes longer
        with loading("the networks"):
            refuse_cpu(cells_with_steps(suite, steps), steps, name, source)
    with nullcontext() if dry_run or needs_gpu else prepared(runner):  # workers import while the photos are looked at
        with progress() as bars:
            told = add_bar(bars, "looking at the photos")
            plan = plan_run(suite, out=out, source=source, table=steps, on_photos=told)
        suite = plan.suite
        if needs_gpu:
            refuse_cpu(plan.todo, plan.table, name, source)
        if shared and devices[0] != "cpu":
            runner = make(jobs=side_by_side(suite.protocol, devices[0], steps, plan.photo_bytes))
        note(f"{suite.name}: {suite.title}", style="bold")
        note(f"{plan.photos}.")
        name_files(plan.skipped, "skipped")
        if suite.note:
            warn(suite.note)
        for cell, state in plan.states:
            if state.problem:
                warn(f"{cell.name}: {state.problem}")
        if dry_run:
            show_plan(_with_times(plan, runner), as_json)
            return 0
        todo, plan = len(plan.todo), adopt(plan)
        if todo > len(plan.todo):
            note(f"{todo - len(plan.todo)} of {todo} cells copied from other suites in {out}.")
        with watch_cells([*plan.todo, *(plan.done if rescore else plan.lacking)]) as watcher:
            report = run(
                suite, out=out, source=source, plan=plan, executor=runner, plugins=[str(p) for p in plugins],
                rescore=rescore, on_event=watcher, build=False,
            )  # fmt: skip
        if report.records:
            with building() as say:
                report = replace(report, board=build_board(plan, say))
        _tell(report, time.monotonic() - began, as_json)
        return 1 if report.problems else 0


def _on_cpu(runner: Executor) -> bool:
    return isinstance(runner, LocalExecutor) and set(runner.devices) == {"cpu"}


def _with_times(plan: Plan, runner: Executor) -> Plan:
    """The plan with times expected on this device, from a few steps of each recipe; for other executors the plan unchanged."""
    if not isinstance(runner, LocalExecutor):
        return plan
    with progress() as bars:
        task = bars.add_task("timing a few steps", total=None)

        def watch(label: str, done: int, total: int) -> None:
            bars.update(task, description=f"timing {label}", completed=done, total=total)

        device = runner.devices[0]
        timed, reasons = estimate(plan, device, runner.threads if device == "cpu" else None, on_kind=watch)
    for reason in dict.fromkeys(reasons.values()):
        labels = [label for label, other in reasons.items() if other == reason]
        more = f" and {len(labels) - 2} more" if len(labels) > 2 else ""
        note(f"Time unknown for {', '.join(labels[:2])}{more}: {reason}")
    return timed


def _check_writable(out: Path) -> None:
    """Refuse an output folder that cannot be made, before anything is computed."""
    place = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not place.is_dir():
        raise ValueError(f"{place} is a file, and --out needs a folder: choose another --out")
    if not os.access(place, os.W_OK):
        raise ValueError(f"{place} cannot be written: choose another --out")


def show_plan(plan: Plan, as_json: bool = False) -> None:
    """Print cells, keys, states and expected device time."""
    rows = plan_rows(plan)
    if as_json:
        show_json({"suite": plan.suite.name, "photos": plan.photos, "cells": rows})
        return
    known = sum(row["expected_seconds"] or 0.0 for row in rows)
    unknown = sum(row["expected_seconds"] is None for row in rows if row["state"] != "done")
    caption = f"{len(plan.todo)} of {len(rows)} cells to run; about {duration(known)} of training, one after another"
    caption += f", and {unknown} cells whose time is unknown" if unknown else ""
    if plan.table is not None:
        caption += f", on {plan.table.reference.device} (step table {plan.table.sha256[:12]})"
    cells = [(row["cell"], row["key"][:12], row["state"], _expected(row)) for row in rows]
    show_table(["cell", "key", "state", "expected"], cells, caption=caption)


def plan_rows(plan: Plan) -> list[dict]:
    """One row per cell: key, state, and the device time that is expected when it is not done."""
    return [
        {
            "cell": cell.name,
            "key": cell.key,
            "state": state.name,
            "expected_seconds": plan.expected_seconds.get(cell.recipe.label) if state.name != "done" else None,
            "provisional": state.name != "done" and cell.provisional,
        }
        for cell, state in plan.states
    ]


def _expected(row: dict) -> str:
    if row["state"] == "done":
        return "-"
    seconds = row["expected_seconds"]
    return ("unknown" if seconds is None else f"{seconds:.0f} s") + (", provisional" if row["provisional"] else "")


def _tell(report: RunReport, seconds: float, as_json: bool) -> None:
    plan = report.plan
    left = len(plan.states) - len(report.records)
    if as_json:
        show_json(_facts(report, seconds))
    else:
        show(f"{len(report.records)} of {len(plan.states)} cells recorded, {report.ran} run now, {seconds:.0f} s.")
    for record in report.records:
        if record.status != "done":
            warn(f"{record.cell.name}: {record.status}: {record.message}")
    for key, reason in report.missing.items():
        warn(f"{key} is an empty column: {reason}")
    for problem in report.problems:
        fail(problem)
    if left:
        note(f"{left} of {len(plan.states)} cells are left; the same command goes on from here.")
    if report.board and not as_json:
        show_summary(report.board)


def _facts(report: RunReport, seconds: float) -> dict:
    summary = read_summary(report.board) if report.board else None
    return {
        "suite": report.plan.suite.name,
        "cells": len(report.plan.states),
        "recorded": len(report.records),
        "run_now": report.ran,
        "seconds": seconds,
        "not_done": [
            {"cell": r.cell.name, "status": r.status, "message": r.message}
            for r in report.records
            if r.status != "done"
        ],
        "missing": report.missing,
        "problems": list(report.problems),
        "board": str(report.board) if report.board else None,
        "primary": None if summary is None else summary.primary,
        "verdict": [] if summary is None else summary.verdict,
        "entries": [] if summary is None else summary.rows,
    }
