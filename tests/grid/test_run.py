"""run(suite) with real worker processes: finish, repeat, kill, resume, refuse."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from colorbench.cell import Budget, Recipe, Suite
from colorbench.grid import attempts
from colorbench.grid.job import Job, read_job
from colorbench.grid.local import LocalExecutor, find_devices
from colorbench.grid.run import plan_run, run
from colorbench.record import read_record
from tests.grid.meanwhile import kill, meanwhile, training_workers
from tests.training.cells import small_cell, small_protocol

UNET = {"width": 4, "depth": 2}


def tiny_suite(**changes) -> Suite:
    facts = {
        "name": "tiny",
        "title": "for tests",
        "protocol": small_protocol(),
        "seeds": 1,
        "metrics": ("psnr",),
        "primary": "psnr",
        "baselines": ("gray",),
        "recipes": (Recipe(generator="unet", loss="l1", options=UNET),),
    }
    return Suite(**{**facts, **changes})


@pytest.fixture(autouse=True)
def import_from_here(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def executor() -> LocalExecutor:
    return LocalExecutor(["cpu"])


def test_run_then_run_again_then_one_more_metric(tmp_path):
    report = run(tiny_suite(), out=tmp_path, executor=executor())
    assert report.problems == ()
    assert [record.status for record in report.records] == ["done", "done"]
    assert (tmp_path / "tiny" / "suite.json").exists()
    assert len(list((tmp_path / "tiny" / "references").glob("*.png"))) == 4
    assert (tmp_path / "tiny" / "board" / "index.html").exists()
    again = run(tiny_suite(), out=tmp_path, executor=executor())
    assert again.ran == 0
    assert again.records == report.records
    more = run(tiny_suite(metrics=("psnr", "delta-e-2000")), out=tmp_path, executor=executor(), build=False)
    assert more.ran == 2
    for before, after in zip(report.records, more.records):
        assert after.scores["delta-e-2000"].value > 0
        assert after.scores["psnr"] == before.scores["psnr"]
        assert after.supersedes
        assert after.cost == before.cost
    assert len(list((tmp_path / "tiny").rglob("record-1.json"))) == 2


def test_another_protocol_in_the_same_folder_is_refused(tmp_path):
    run(tiny_suite(recipes=()), out=tmp_path, executor=executor(), build=False)
    with pytest.raises(ValueError, match="choose another --out"):
        plan_run(tiny_suite(protocol=small_protocol(batch=2)), out=tmp_path)


def test_a_killed_worker_resumes(tmp_path):
    """kill -9 in the middle of training: the executor sees it, and a second process finishes the cell."""
    suite = tiny_suite(protocol=small_protocol(budget=Budget(kind="steps", amount=600)), baselines=())
    killed = []

    def kill_once():
        for _, pid in training_workers(tmp_path)[:1]:
            kill(pid)
            killed.append(pid)
        return bool(killed)

    with meanwhile(kill_once):
        report = run(suite, out=tmp_path, executor=executor(), checkpoint_seconds=0.05, build=False)
    assert killed
    assert report.problems == ()
    assert report.records[0].status == "done"
    record = report.records[0]
    assert record.spent.steps == 600
    assert len(record.attempts) == 2
    assert sum(attempt.end_step - attempt.start_step for attempt in record.attempts) == 600
    assert record.cost.train_seconds == pytest.approx(sum(attempt.train_seconds for attempt in record.attempts))


def test_a_worker_that_always_dies_becomes_a_crash(tmp_path):
    suite = tiny_suite(protocol=small_protocol(budget=Budget(kind="steps", amount=10**6)), baselines=())

    def kill(event):
        if event.kind == "progress" and event.text == "training" and event.job.fail is None:
            os.kill(json.loads((event.job.folder / "progress.json").read_text())["pid"], signal.SIGKILL)
            (event.job.folder / "progress.json").unlink()

    report = run(suite, out=tmp_path, executor=executor(), on_event=kill, build=False)
    record = report.records[0]
    assert record.status == "crash"
    assert "SIGKILL 3 times" in record.message
    assert record.scores["psnr"].value is not None


def test_removed_photos_are_a_problem_not_a_result(tmp_path):
    cell = small_cell()
    job = Job(tmp_path / "cell", cell.model_copy(update={"data_hash": "0" * 64}), ("psnr",))
    problems = executor().execute([job])
    assert len(problems) == 1
    assert "folder changed since" in problems[0]
    assert not (tmp_path / "cell" / "record.json").exists()


def test_two_harnesses_on_one_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(attempts, "BUSY_SECONDS", 1.0)
    cell = small_cell(budget=Budget(kind="steps", amount=10**6))
    job = Job(tmp_path / "cell", cell, ("psnr",), device="cpu")
    job.write()
    first = subprocess.Popen([sys.executable, "-m", "colorbench.grid.worker", str(job.folder)])
    try:
        deadline = time.monotonic() + 60
        while not (job.folder / "curve.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        problems = executor().execute([job])
        assert "another process is running this cell" in problems[0]
    finally:
        first.send_signal(signal.SIGINT)
        assert first.wait(60) == 130
    assert (job.folder / "training_state").exists()


def test_a_hanging_worker_is_killed_and_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(attempts, "GRACE_SECONDS", 0.0)
    cell = small_cell(budget=Budget(kind="steps", amount=10**6))
    problems = executor().execute([Job(tmp_path / "cell", cell, ("psnr",), timeout_seconds=0.05)])
    assert problems == []
    assert read_record(tmp_path / "cell" / "record.json").status == "timeout"


def test_job_round_trip(tmp_path):
    job = Job(tmp_path, small_cell(), ("psnr",), source="photos", fail=("crash", "why"), plugins=("a.py",))
    job.write()
    assert read_job(tmp_path) == job
    replace(job, fail=None).write()
    assert read_job(tmp_path).fail is None


def test_devices():
    assert find_devices("cpu", 2) == ["cpu", "cpu"]
    with pytest.raises(ValueError, match="known devices"):
        find_devices("tpu")
    with pytest.raises(ValueError, match="at least one device"):
        LocalExecutor([])
