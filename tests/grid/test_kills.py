"""Killed runs: the shortened form of benchmarks/kill_twenty.py."""

import shutil

import pytest

from benchmarks.kill_twenty import Grid, comparable, differences, read_records
from colorbench.files import RECORD
from colorbench.grid.executors import LocalExecutor
from colorbench.grid.run import run


@pytest.mark.timeout(900)
def test_two_kills_and_the_record_equals_bit_for_bit(kills_suite, undisturbed, tmp_path, spawn):
    grid = Grid(kills_suite, tmp_path / "broken")
    for workers_too in (True, False):  # killed as soon as the cell has trained a little further
        process = grid.start()
        grid.wait_for_training(process)
        grid.kill(process, workers_too)
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
