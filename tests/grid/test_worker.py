"""The worker in this process: its exit status, and what it says; that it is killed and stopped, test_run and test_kills ask."""

import os
import signal
import subprocess
from dataclasses import replace

import pytest

from colorbench.files import JOB, RECORD, hold
from colorbench.grid.worker import BUSY, DONE, PROBLEM, STOPPED, Job, Retest, _Stop, main, read_job
from colorbench.record import read_record
from colorbench.training.checkpoint import load_state
from tests.training.cells import small_cell


@pytest.fixture(autouse=True)
def same_signals():
    """The worker sets signal handlers for its whole process."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before):
        signal.signal(number, handler)


def written(folder, cell, **more) -> Job:
    job = Job(folder / "cell", cell, ("psnr",), device="cpu", threads=1, **more)
    job.write()
    return job


def test_a_cell_is_trained_and_then_left_alone(tmp_path):
    job = written(tmp_path, small_cell().model_copy(update={"steps": 4}))
    assert main(job.folder) == DONE
    before = (job.folder / RECORD).read_bytes()
    assert read_record(job.folder / RECORD).spent.steps == 4
    assert main(job.folder) == DONE
    assert (job.folder / RECORD).read_bytes() == before


def test_a_cell_of_another_process_is_busy(tmp_path, capsys):
    job = written(tmp_path, small_cell())
    with hold(job.folder):
        assert main(job.folder) == BUSY
    assert "is being run by another process" in capsys.readouterr().err


def test_what_is_not_the_recipes_fault_is_a_problem_and_no_record(tmp_path, capsys):
    job = written(tmp_path, small_cell(dataset="folder", fit="crop"), source=str(tmp_path / "nowhere"))
    assert main(job.folder) == PROBLEM
    assert "no such folder of pictures" in capsys.readouterr().err.splitlines()[-1]
    assert not (job.folder / RECORD).exists()


def test_a_recipes_failure_is_a_record(tmp_path):
    job = written(tmp_path, small_cell(), fail=("timeout", "the process did not end in time and was killed"))
    assert main(job.folder) == DONE
    record = read_record(job.folder / RECORD)
    assert (record.status, record.message) == job.fail
    assert record.scores["psnr"].value is not None  # as gray


def test_it_saves_and_ends_when_its_parent_is_gone(tmp_path, monkeypatch):
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    monkeypatch.setenv("COLORBENCH_PARENT", str(gone.pid))
    job = written(tmp_path, small_cell().model_copy(update={"steps": 50}))
    assert main(job.folder) == STOPPED
    assert not (job.folder / RECORD).exists()
    assert 0 < load_state(job.folder, job.cell).trainer["step"] < 50


def test_the_first_signal_asks_and_the_second_ends():
    stop = _Stop()
    assert not stop()
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("kind", ["retest", "rescore"])
def test_what_keeps_nothing_half_done_ends_at_the_first_signal(tmp_path, monkeypatch, kind):
    def interrupted(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("it went on")

    monkeypatch.setattr("colorbench.grid.worker.run_job", interrupted)
    more = {"rescore": True} if kind == "rescore" else {"retest": Retest("trained", "about")}
    job = written(tmp_path, small_cell(), **more)
    assert main(job.folder) == STOPPED


PLAIN = {"metrics": ("psnr", "fid"), "source": "/photos", "device": "cpu", "threads": 2, "timeout_seconds": 9.5}


@pytest.mark.parametrize(
    ("kind", "trains"),
    [
        ({}, True),
        ({"plugins": ("/mine.py",), "checkpoint_seconds": 0.5}, True),
        ({"rescore": True}, False),
        ({"fail": ("out-of-memory", "needs 90 GB")}, False),
        ({"retest": Retest("/runs/mini/unet+l1/seed-0", "tested on kodak", (1.5, -2.0))}, False),
        ({"retest": Retest("/runs/mini/gray/seed-0", "tested on kodak")}, False),
    ],
    ids=["training", "plug-in", "rescore", "failure", "retest", "retest without a mean color"],
)
def test_a_job_through_its_file(tmp_path, kind, trains):
    cell = small_cell(seed=3).model_copy(update={"steps": 17, "provisional": True})
    job = Job(tmp_path / "cell", cell, **PLAIN | kind)
    job.write()
    found = read_job(job.folder)
    assert found == job
    assert (found.cell.steps, found.cell.provisional) == (17, True)
    assert found.trains is trains
    assert found.name == "unet+l1 seed 3"


def test_a_folder_that_was_moved_is_where_it_is_now(tmp_path):
    job = Job(tmp_path / "before", small_cell(), ("psnr",))
    job.write()
    job.folder.rename(tmp_path / "after")
    assert read_job(tmp_path / "after") == replace(job, folder=tmp_path / "after")
    assert not (tmp_path / "before" / JOB).exists()
