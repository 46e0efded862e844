"""Workers that stay: the next cell runs in the same process, with its own log, after a good end only."""

import os
import signal

import pytest

from colorbench.cell import Budget
from colorbench.files import LOG, RECORD
from colorbench.grid.warm_workers import WarmWorkers
from colorbench.grid.worker import DONE, STOPPED, Job
from colorbench.record import read_record
from tests.grid.in_process import what_counts
from tests.grid.meanwhile import deaf_process, until_it_trains
from tests.training.cells import small_cell

ENDLESS = Budget(kind="steps", amount=1_000_000)


def job_in(folder, **changes) -> Job:
    job = Job(folder, small_cell(**changes), ("psnr",), device="cpu", threads=1, checkpoint_seconds=0.0)
    folder.mkdir(parents=True)
    job.write()
    return job


def test_one_process_runs_cell_after_cell_until_one_does_not_end_well(tmp_path, alone):
    zero, one = (job_in(tmp_path / name, seed=seed) for seed, name in enumerate(("zero", "one")))
    stopped, killed = (job_in(tmp_path / name, budget=ENDLESS) for name in ("two\nlines", "killed"))
    with WarmWorkers() as workers:
        first = workers(zero, {})
        assert first.wait(120) == DONE
        second = workers(one, {})
        assert second.wait(120) == DONE
        elsewhere = workers(killed, {"CUDA_VISIBLE_DEVICES": "1"})  # a process keeps the environment it started with
        until_it_trains(killed.folder)
        elsewhere.kill()
        assert elsewhere.wait(60) == -signal.SIGKILL
        third = workers(stopped, {})
        until_it_trains(stopped.folder)
        third.terminate()
        assert third.wait(60) == STOPPED
        assert first.pid == second.pid == third.pid != elsewhere.pid
        for worker in (third, elsewhere):
            with pytest.raises(ProcessLookupError):
                os.kill(worker.pid, 0)
    assert what_counts(read_record(one.folder / RECORD)) == alone
    assert all((job.folder / LOG).is_file() for job in (zero, one, stopped, killed))


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
