"""Forked workers: they do what a worker of its own process does, bit for bit, and end as it ends."""

import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from colorbench.cell import Budget
from colorbench.files import LOG, RECORD, is_held
from colorbench.grid.executors import LocalExecutor, prepared
from colorbench.grid.fork_server import ForkServer, can_fork
from colorbench.grid.supervisor import saved_step
from colorbench.grid.worker import DONE, PROBLEM, STOPPED, Job
from colorbench.record import read_record
from tests.grid.in_process import what_counts
from tests.grid.meanwhile import deaf_process, kill, parent, until_it_trains
from tests.training.cells import small_cell

pytestmark = pytest.mark.skipif(not can_fork(), reason="workers are forked on Linux only")
ENDLESS = Budget(kind="steps", amount=1_000_000)


@pytest.fixture
def server(spawn) -> ForkServer:
    return spawn


def job_in(folder, **changes) -> Job:
    job = Job(folder, small_cell(**changes), ("psnr",), threads=1, checkpoint_seconds=0.0)
    folder.mkdir(parents=True, exist_ok=True)
    job.write()
    return job


def test_a_record_equals_that_of_a_cell_run_alone_bit_for_bit(server, tmp_path, alone):
    job = job_in(tmp_path / "forked", seed=1)
    assert server(job, {}).wait(120) == DONE
    assert what_counts(read_record(job.folder / RECORD)) == alone


def test_workers_get_their_environment_and_their_log(server, tmp_path):
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        'import os\nraise ValueError(f\'found {os.environ["GIVEN"]}, {os.environ["MALLOC_MMAP_MAX_"]}\')\n'
    )
    job = replace(job_in(tmp_path / "cell"), plugins=(str(plugin),))
    job.write()
    assert server(job, {"GIVEN": "what was given"}).wait(60) == PROBLEM
    assert "found what was given, 0" in (job.folder / LOG).read_text()


def test_signals_reach_a_worker(server, tmp_path):
    for end, expected in (("terminate", STOPPED), ("kill", -signal.SIGKILL)):
        job = job_in(tmp_path / end, budget=ENDLESS)
        worker = server(job, {})
        assert worker.poll() is None
        assert until_it_trains(job.folder) == worker.pid
        getattr(worker, end)()
        assert worker.wait(60) == expected


def test_when_the_server_is_killed_its_workers_save_and_the_next_job_starts_another(server, tmp_path):
    job = job_in(tmp_path / "orphan", budget=ENDLESS)
    worker = server(job, {})
    kill(parent(until_it_trains(job.folder)))
    assert worker.wait(60) == -signal.SIGTERM
    server.__exit__()
    server.process = deaf_process()  # as one that dies between the look at it and the request
    assert server(job_in(tmp_path / "next"), {}).wait(60) == DONE
    while is_held(job.folder):
        time.sleep(0.02)
    assert saved_step(job) > 0


def test_the_server_ends_with_the_block_that_started_it(server, tmp_path):
    with server:  # the next job starts another
        job = job_in(tmp_path / "cell", budget=ENDLESS)
        worker = server(job, {})
        server_pid = parent(until_it_trains(job.folder))
    assert not Path(f"/proc/{server_pid}").exists()
    while Path(f"/proc/{worker.pid}/cmdline").exists():  # it saves first
        time.sleep(0.02)
    assert saved_step(job) > 0


def test_workers_are_prepared_meanwhile_and_not_waited_for_when_there_is_nothing_to_do(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    executor = LocalExecutor(["cpu"])
    with prepared(executor):
        server = executor.spawn
        assert isinstance(server, ForkServer)
        assert server.process is not None
        assert server.process.poll() is None
        process = server.process
    assert executor.spawn is None
    assert process.returncode == -signal.SIGKILL
