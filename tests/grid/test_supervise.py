"""What follows from how a worker ended, and a supervisor with pretended workers."""

import signal
import subprocess
import sys
from dataclasses import replace

import pytest

import colorbench.grid.supervise as supervise
from colorbench.grid import attempts
from colorbench.grid.attempts import Again, judge, last_line, start_worker
from colorbench.grid.job import Job, read_job
from colorbench.grid.state import hold, is_held
from colorbench.grid.supervise import Supervisor, write_ticket
from tests.training.cells import small_cell


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path / "cell", small_cell(), ("psnr",))


def test_deaths_are_tried_again_and_then_recorded(job):
    assert judge(0, job, 1) is None
    assert judge(-9, job, 1) == Again(job, 2)
    verdict = judge(-9, job, attempts.MOST_ATTEMPTS)
    assert verdict.job.fail == (
        "crash",
        "the process was ended by SIGKILL 3 times (the system kills when memory runs out)",
    )
    assert judge(-9, replace(job, timeout_seconds=1.0), 1, killed=True).job.fail[0] == "timeout"


def test_problems_in_sentences(job):
    assert "another process is running this cell" in judge(75, job, 1)
    assert "stopped, resumable" in judge(130, job, 1)
    job.write()
    (job.folder / "log.txt").write_text("a\n\nOSError: no space left\n\n")
    assert judge(1, job, 1).endswith("OSError: no space left")
    assert last_line(job.folder / "log.txt") == "OSError: no space left"
    assert "No such file" in last_line(job.folder / "absent")


def test_the_worker_knows_its_parent_and_its_log(job):
    job.write()
    process = start_worker(job, {"PYTHONPATH": "/nowhere", "PYTHONSAFEPATH": "1", "PYTHONHOME": "/nowhere"})
    assert process.wait(30) != 0
    assert (job.folder / "log.txt").read_text()


WORKER = "import sys, time, signal, os; {}"


@pytest.fixture
def pretend(monkeypatch):
    """Workers that do these things, one after the other."""

    def use(*actions):
        waiting = list(actions)

        def start(job, environment):
            return subprocess.Popen([sys.executable, "-S", "-c", WORKER.format(waiting.pop(0))])

        monkeypatch.setattr(supervise, "start_worker", start)
        return waiting

    return use


def test_a_dead_worker_is_started_again(job, pretend):
    left = pretend("os.kill(os.getpid(), 9)", "sys.exit(0)")
    assert Supervisor(str(job.folder), write_ticket(job), {})() == ("recorded", "")
    assert left == []


def test_three_deaths_are_recorded_by_a_fourth_worker(job, pretend):
    die = "os.kill(os.getpid(), 9)"
    pretend(die, die, die, "sys.exit(0)")
    assert Supervisor(str(job.folder), write_ticket(job), {})() == ("recorded", "")
    assert read_job(job.folder).fail[0] == "crash"


def test_a_worker_that_hangs_is_killed(job, pretend, monkeypatch):
    monkeypatch.setattr(attempts, "GRACE_SECONDS", 0.0)
    pretend("time.sleep(60)", "sys.exit(0)")
    slow = replace(job, timeout_seconds=0.2)
    assert Supervisor(str(job.folder), write_ticket(slow), {})() == ("recorded", "")
    assert read_job(job.folder).fail[0] == "timeout"


def test_a_cell_that_is_held_is_waited_for_and_then_a_problem(job, pretend, monkeypatch):
    monkeypatch.setattr(attempts, "BUSY_SECONDS", 0.1)
    pretend("sys.exit(75)")
    with hold(job.folder):
        assert is_held(job.folder)
        kind, text = Supervisor(str(job.folder), write_ticket(job), {})()
    assert kind == "problem"
    assert "another process is running this cell" in text
    assert not is_held(job.folder)
    pretend("sys.exit(75)", "sys.exit(0)")
    assert Supervisor(str(job.folder), write_ticket(job), {})() == ("recorded", "")


def test_stop_asks_the_worker_and_waits(job, pretend):
    supervisor = Supervisor(str(job.folder), write_ticket(job), {})
    supervisor.stop()  # nothing runs yet
    supervisor.process = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    supervisor.stop(30)
    assert supervisor.process.returncode == -signal.SIGTERM
