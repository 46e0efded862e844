"""Killed harnesses: the shortened form of benchmarks/kill_twenty.py."""

import os

import pytest

from benchmarks.kill_twenty import Grid, comparable, differences, read_records


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", os.getcwd())


@pytest.mark.timeout(900)
def test_three_kills_and_records_equal_bit_for_bit(kills_suite, undisturbed, tmp_path):
    grid = Grid(kills_suite, tmp_path / "broken")
    for alone in (True, False, True):  # killed as soon as a cell has trained a little further
        process = grid.start()
        grid.wait_for_training(process, 120)
        grid.kill(process, workers_too=not alone)
        assert grid.look() != "nothing yet"
    assert grid.finish() == 0, (grid.out / "harness.log").read_text()
    grid.look()
    assert differences(undisturbed, grid.out) == []


def test_differences_are_found(undisturbed, tmp_path):
    import shutil

    shutil.copytree(undisturbed, tmp_path / "copy")
    assert differences(undisturbed, tmp_path / "copy") == []
    record = next((tmp_path / "copy").rglob("record.json"))
    text = record.read_text()
    record.write_text(text.replace('"color_only_n": ', '"color_only_n": 1'))
    assert "scores differs" in differences(undisturbed, tmp_path / "copy")[0]
    record.unlink()
    assert "lost" in differences(undisturbed, tmp_path / "copy")[0]
    records = read_records(undisturbed)
    assert len(records) == 2
    assert "cost" not in comparable(next(iter(records.values())))
