"""Workers that stay: the next cell runs in the same process, with its own log, after a good end only."""

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
from tests.grid.meanwhile import training_workers
from tests.training.cells import small_cell

ENDLESS = Budget(kind="steps", amount=1_000_000)


def job_in(folder, **changes) -> Job:
    job = Job(folder, small_cell(**changes), ("psnr",), device="cpu", threads=1)
    folder.mkdir(parents=True)
    job.write()
    return job


def test_cells_follow_each_other_and_equal_those_of_their_own_process(tmp_path):
    jobs = [job_in(tmp_path / name, seed=seed) for seed, name in enumerate(("zero", "one"))]
    own = replace(jobs[1], folder=job_in(tmp_path / "own", seed=1).folder)
    with WarmWorkers() as workers:
        first = workers(jobs[0], {})
        assert first.wait(120) == DONE
        second = workers(jobs[1], {})
        assert second.pid == first.pid
        other = workers(job_in(tmp_path / "elsewhere"), {"CUDA_VISIBLE_DEVICES": "1"})
        assert other.pid != first.pid
        assert [second.wait(120), other.wait(120)] == [DONE, DONE]
    assert start_worker(own, {}).wait(120) == DONE
    records = [read_record(job.folder / RECORD).model_dump(exclude={"cost", "attempts"}) for job in (jobs[1], own)]
    assert records[0] == records[1]


def test_a_worker_that_failed_does_not_stay_and_says_why_in_its_log(tmp_path):
    broken = replace(job_in(tmp_path / "broken"), source="/nowhere", cell=small_cell(dataset="folder"))
    broken.write()
    with WarmWorkers() as workers:
        first = workers(broken, {})
        assert first.wait(120) == PROBLEM
        assert "/nowhere" in (broken.folder / LOG).read_text()
        second = workers(job_in(tmp_path / "next"), {})
        assert second.pid != first.pid
        assert second.wait(120) == DONE


@pytest.mark.parametrize(("end", "status"), [("terminate", STOPPED), ("kill", -signal.SIGKILL)])
def test_it_ends_as_it_is_asked_to(tmp_path, end, status):
    job = job_in(tmp_path / "cell", budget=ENDLESS)
    with WarmWorkers() as workers:
        worker = workers(job, {})
        while not training_workers(job.folder):
            time.sleep(0.02)
        getattr(worker, end)()
        assert worker.wait(60) == status
