"""Workers that stay: the next cell runs in the same process, with its own log, after a good end only."""

import os
import signal
import time
from dataclasses import replace

import pytest

from colorbench.cell import Budget
from colorbench.files import LOG, RECORD
from colorbench.grid.job import Job
from colorbench.grid.supervisor import start_worker
from colorbench.grid.warm_workers import WarmWorkers
from colorbench.grid.worker import DONE, PROBLEM, STOPPED
from colorbench.record import read_record
from tests.grid.meanwhile import deaf_process, training_workers
from tests.training.cells import small_cell

ENDLESS = Budget(kind="steps", amount=1_000_000)


def job_in(folder, **changes) -> Job:
    job = Job(folder, small_cell(**changes), ("psnr",), device="cpu", threads=1)
    folder.mkdir(parents=True)
    job.write()
    return job


def test_cells_follow_each_other_and_equal_those_of_their_own_process(tmp_path):
    jobs = [job_in(tmp_path / name, seed=seed) for seed, name in enumerate(("zero", "one"))]
    own = start_worker(alone := job_in(tmp_path / "own", seed=1), {})
    with WarmWorkers() as workers:
        first = workers(jobs[0], {})
        other = workers(job_in(tmp_path / "elsewhere"), {"CUDA_VISIBLE_DEVICES": "1"})
        assert first.wait(120) == DONE
        second = workers(jobs[1], {})
        assert second.pid == first.pid != other.pid
        assert [worker.wait(120) for worker in (second, other, own)] == [DONE] * 3
    records = [read_record(job.folder / RECORD).model_dump(exclude={"cost", "attempts"}) for job in (jobs[1], alone)]
    assert records[0] == records[1]


def test_a_worker_ends_when_a_cell_does_not_end_well(tmp_path):
    broken, stopped, killed = (job_in(tmp_path / name, budget=ENDLESS) for name in ("broken", "stopped", "killed"))
    broken = replace(broken, source="/nowhere", cell=small_cell(dataset="folder"))
    broken.write()
    with WarmWorkers() as workers:
        first, second, third = (workers(job, {}) for job in (broken, stopped, killed))
        while not (training_workers(stopped.folder) and training_workers(killed.folder)):
            time.sleep(0.02)
        second.terminate()
        third.kill()
        assert [worker.wait(60) for worker in (first, second, third)] == [PROBLEM, STOPPED, -signal.SIGKILL]
        assert "/nowhere" in (broken.folder / LOG).read_text()
        for worker in (first, second, third):
            with pytest.raises(ProcessLookupError):
                os.kill(worker.pid, 0)


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
