"""What the harness costs a cell, without training: planning, job files, scheduling, records, the scan of a finished grid.

    pytest benchmarks/test_grid.py --benchmark-enable --benchmark-json=grid.json

Real files through the real executor interface; workers end at once, records are not fsynced (a disk's fsync, some ms a
record, is paid by the worker). `extra_info` has microseconds a cell at each size: nothing may grow with the number of cells.
"""

import itertools

import pytest

from colorbench.grid.local import LocalExecutor
from colorbench.grid.run import plan_run, run
from colorbench.grid.status import cell_statuses
from colorbench.running import plan_table
from tests.grid.noop import NoProcess, many_cells

SIZES = (1_000, 10_000)
SLOTS = 100


@pytest.fixture(scope="module", autouse=True)
def first_look(tmp_path_factory):
    """Photos are decoded and modules imported once, before anything is timed."""
    plan_run(many_cells(10), out=tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folders with finished grids, by size."""
    made = {}

    def make(cells):
        if cells not in made:
            made[cells] = tmp_path_factory.mktemp(f"finished-{cells}")
            _run(cells, made[cells])
        return made[cells]

    return make


def _run(cells, out):
    executor = LocalExecutor(["cpu"] * SLOTS, spawn=NoProcess)
    report = run(many_cells(cells), out=out, executor=executor, build=False)
    if report.problems or len(report.records) != cells:
        raise RuntimeError(f"{len(report.records)} of {cells} records")


def _note(benchmark, operation, cells):
    benchmark.group = operation
    seconds = benchmark.stats.stats.median
    benchmark.extra_info |= {
        "operation": operation,
        "cells": cells,
        "microseconds_a_cell": round(seconds / cells * 1e6),
    }


@pytest.mark.parametrize("cells", SIZES)
def test_a_whole_run(benchmark, tmp_path, cells):
    numbers = itertools.count()
    benchmark.pedantic(lambda: _run(cells, tmp_path / str(next(numbers))), rounds=1 if cells > 2_000 else 3)
    _note(benchmark, "plan, schedule, record", cells)


@pytest.mark.parametrize("cells", SIZES)
def test_the_plan_of_a_finished_grid(benchmark, finished, cells):
    suite, out = many_cells(cells), finished(cells)
    plan = benchmark.pedantic(lambda: plan_run(suite, out=out), rounds=1 if cells > 2_000 else 3)
    assert plan.todo == []
    _note(benchmark, "plan of a finished grid", cells)


@pytest.mark.parametrize("cells", SIZES)
def test_the_dry_run_table(benchmark, finished, cells):
    plan = plan_run(many_cells(cells), out=finished(cells))
    benchmark.pedantic(lambda: plan_table(plan), rounds=1 if cells > 2_000 else 3)
    _note(benchmark, "table of --dry-run", cells)


@pytest.mark.parametrize("cells", SIZES)
def test_status(benchmark, finished, cells):
    out = finished(cells)
    benchmark.pedantic(lambda: cell_statuses(out), rounds=1 if cells > 2_000 else 3)
    _note(benchmark, "colorbench status", cells)
