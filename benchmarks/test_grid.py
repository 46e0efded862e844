"""What the harness costs a cell, without training: planning, job files, scheduling, records, the scan of a finished grid.

    pytest benchmarks/test_grid.py --benchmark-only --benchmark-json=grid.json

Real files through the real executor interface; workers end at once, records are not fsynced (a disk's fsync, some ms a
record, is paid by the worker). `extra_info` has microseconds a cell at each size, of the clock and of the processor, which a
busy machine does not stretch: nothing may grow with the number of cells.
"""

import itertools
import statistics
import time

import pytest

from colorbench.grid.executors import LocalExecutor
from colorbench.grid.plan import plan_run
from colorbench.grid.run import run
from colorbench.grid.state import cell_statuses
from colorbench.running import plan_rows
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


@pytest.fixture
def measure(benchmark):
    """Time `function` and note what it costs a cell."""

    def measured(operation, cells, function):
        spent = []

        def timed():
            began = time.process_time()
            value = function()
            spent.append(time.process_time() - began)
            return value

        value = benchmark.pedantic(timed, rounds=1 if cells > 2_000 else 3)
        benchmark.group = operation
        costs = {
            "microseconds_a_cell": benchmark.stats.stats.median,
            "cpu_microseconds_a_cell": statistics.median(spent),
        }
        benchmark.extra_info |= {"operation": operation, "cells": cells}
        benchmark.extra_info |= {name: round(seconds / cells * 1e6) for name, seconds in costs.items()}
        return value

    return measured


@pytest.mark.parametrize("cells", SIZES)
def test_a_whole_run(measure, tmp_path, cells):
    numbers = itertools.count()
    measure("plan, schedule, record", cells, lambda: _run(cells, tmp_path / str(next(numbers))))


@pytest.mark.parametrize("cells", SIZES)
def test_the_plan_of_a_finished_grid(measure, finished, cells):
    suite, out = many_cells(cells), finished(cells)
    plan = measure("plan of a finished grid", cells, lambda: plan_run(suite, out=out))
    assert plan.todo == []


@pytest.mark.parametrize("cells", SIZES)
def test_the_dry_run_table(measure, finished, cells):
    plan = plan_run(many_cells(cells), out=finished(cells))
    measure("table of --dry-run", cells, lambda: plan_rows(plan))


@pytest.mark.parametrize("cells", SIZES)
def test_status(measure, finished, cells):
    out = finished(cells)
    measure("colorbench status", cells, lambda: cell_statuses(out))
