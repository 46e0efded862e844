"""A killed run: the shortened form of benchmarks/kill_twenty.py, which also kills workers in the same instant.

That workers are killed, and that their engine is, test_run, test_on_slurm and test_on_ray ask.
"""

import shutil

import pytest

from benchmarks.kill_twenty import Grid, comparable, differences, read_records
from colorbench.files import RECORD
from colorbench.grid.executors import LocalExecutor
from colorbench.grid.run import run


@pytest.mark.timeout(900)
def test_the_harness_is_killed_and_the_record_equals_bit_for_bit(kills_suite, undisturbed, tmp_path, spawn):
    """Its worker notices, saves and ends; the next run waits for it and goes on from there."""
    grid = Grid(kills_suite, tmp_path / "broken")
    process = grid.start()
    grid.wait_for_training(process)
    grid.kill(process, workers_too=False)
    assert grid.look() != "nothing yet"
    report = run(kills_suite, out=grid.out, executor=LocalExecutor(["cpu"], spawn=spawn), build=False)
    assert report.problems == ()
    grid.look()
    assert differences(undisturbed, grid.out) == []


def test_differences_are_found(undisturbed, tmp_path):
    shutil.copytree(undisturbed, tmp_path / "copy")
    assert differences(undisturbed, tmp_path / "copy") == []
    record = next((tmp_path / "copy").rglob(RECORD))
    text = record.read_text()
    record.write_text(text.replace('"color_only_n": ', '"color_only_n": 1'))
    assert "scores differs" in differences(undisturbed, tmp_path / "copy")[0]
    record.unlink()
    assert "lost" in differences(undisturbed, tmp_path / "copy")[0]
    records = read_records(undisturbed)
    assert len(records) == 1
    assert "cost" not in comparable(next(iter(records.values())))
