"""Workers that stay: the next cell runs in the same process, with its own log, after a good end only."""

import os
import signal
import time
from dataclasses import replace

import pytest

from colorbench.cell import Budget
from colorbench.files import LOG, RECORD
from colorbench.grid.job import Job
from colorbench.grid.warm_workers import WarmWorkers
from colorbench.grid.worker import DONE, PROBLEM, STOPPED
from colorbench.record import read_record
from tests.grid.in_process import what_counts
from tests.grid.meanwhile import deaf_process, training_workers
from tests.training.cells import small_cell

ENDLESS = Budget(kind="steps", amount=1_000_000)


def job_in(folder, **changes) -> Job:
    job = Job(folder, small_cell(**changes), ("psnr",), device="cpu", threads=1)
    folder.mkdir(parents=True)
    job.write()
    return job


def test_one_process_runs_cell_after_cell_until_one_does_not_end_well(tmp_path, alone):
    zero, one = (job_in(tmp_path / name, seed=seed) for seed, name in enumerate(("zero", "one")))
    broken = replace(job_in(tmp_path / "broken"), source="/nowhere", cell=small_cell(dataset="folder"))
    broken.write()
    stopped, killed = (job_in(tmp_path / name, budget=ENDLESS) for name in ("stopped", "killed"))
    with WarmWorkers() as workers:
        first = workers(zero, {})
        on_one, on_two = (workers(job, {"CUDA_VISIBLE_DEVICES": gpu}) for job, gpu in ((stopped, "1"), (killed, "2")))
        assert first.wait(120) == DONE
        second = workers(one, {})
        assert second.wait(120) == DONE
        third = workers(broken, {})
        assert third.wait(60) == PROBLEM
        assert first.pid == second.pid == third.pid
        assert len({first.pid, on_one.pid, on_two.pid}) == 3  # a process has the environment that it started with
        while not (training_workers(stopped.folder) and training_workers(killed.folder)):
            time.sleep(0.02)
        on_one.terminate()
        on_two.kill()
        assert (on_one.wait(60), on_two.wait(60)) == (STOPPED, -signal.SIGKILL)
        for worker in (third, on_one, on_two):
            with pytest.raises(ProcessLookupError):
                os.kill(worker.pid, 0)
    assert what_counts(read_record(one.folder / RECORD)) == alone
    assert "/nowhere" in (broken.folder / LOG).read_text()


def test_a_worker_that_no_longer_listens_is_replaced(tmp_path):
    """As one that dies while it waits, between the look at it and the job."""
    with WarmWorkers() as workers:
        deaf = [deaf_process() for _ in range(2)]
        workers._waiting += [({}, process) for process in deaf]
        worker = workers(job_in(tmp_path / "cell"), {})
        assert worker.pid not in [process.pid for process in deaf]
        assert [process.returncode for process in deaf] == [-signal.SIGKILL] * 2
        worker.kill()
        assert worker.wait(60) == -signal.SIGKILL
