"""The supervisor with small real processes in the place of workers: ends, deaths, progress, timeouts, cells that are held."""

import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from colorbench.files import LOG, hold
from colorbench.grid import supervisor as module
from colorbench.grid.supervisor import MOST_DEATHS, Supervisor, last_line, saved_step, start_worker
from colorbench.grid.worker import Job, read_job
from colorbench.training.checkpoint import save_state
from colorbench.training.run_log import Costs
from tests.training.cells import small_cell

DIE, WAIT = "os.kill(os.getpid(), 9)", "time.sleep(600)"


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path / "cell", small_cell(), ("psnr",))


class Pretend:
    """Starts processes that do these things, one after the other; a number first saves a checkpoint of that step."""

    def __init__(self, *actions):
        self.left = list(actions)

    def __call__(self, job, environment):
        while isinstance(self.left[0], int):
            save_state(job.folder, job.cell, {"step": self.left.pop(0)}, Costs())
        code = f"import os, sys, time; {self.left.pop(0)}"
        return subprocess.Popen([sys.executable, "-I", "-S", "-c", code])


def run(job, *actions, **options):
    """The problems, and what was recorded as a failure."""
    pretend = Pretend(*actions)
    problems = Supervisor(spawn=pretend, **options).run([job])
    assert pretend.left == []
    return problems, read_job(job.folder).fail


def test_a_dead_worker_is_started_again(job):
    assert run(job, DIE, "sys.exit(0)") == ([], None)


def test_deaths_without_progress_are_recorded_as_a_crash_by_one_more_worker(job):
    problems, failure = run(job, *[DIE] * MOST_DEATHS, "sys.exit(0)")
    assert problems == []
    assert failure == (
        "crash",
        "the process was ended by SIGKILL 3 times without progress (the system kills when memory runs out)",
    )


def test_deaths_after_progress_do_not_count(job):
    assert run(job, 10, DIE, 20, DIE, 30, DIE, 40, DIE, DIE, DIE, 50, DIE, "sys.exit(0)") == ([], None)
    assert saved_step(job) == 50


def test_the_same_checkpoint_written_again_is_no_progress(job):
    """A worker that dies in its evaluation writes the last step anew each time."""
    _, failure = run(job, 10, DIE, 10, DIE, 10, DIE, 10, DIE, "sys.exit(0)")
    assert failure[0] == "crash"


def test_a_damaged_checkpoint_is_no_progress(job):
    save_state(job.folder, job.cell, {"step": 9}, Costs())
    state = job.folder / "training_state"
    state.write_bytes(state.read_bytes()[:-1] + b"x")
    assert saved_step(job) == 0


@pytest.mark.parametrize("kind", [{"rescore": True}, {"fail": ("crash", "earlier")}])
def test_deaths_while_scoring_or_recording_are_a_problem_and_no_result(job, kind):
    again = Job(job.folder, job.cell, job.metrics, **kind)
    problems, failure = run(again, DIE, DIE, DIE)
    assert problems == [
        "unet+l1 seed 0: the process was ended by SIGKILL 3 times without progress "
        "(the system kills when memory runs out)"
    ]
    assert failure == again.fail


def test_a_worker_that_hangs_is_killed_and_recorded(job, monkeypatch):
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.0)
    slow = Job(job.folder, job.cell, job.metrics, timeout_seconds=0.2)
    assert run(slow, WAIT, "sys.exit(0)") == ([], ("timeout", "the process did not end in time and was killed"))


def test_problems_say_what_happened(job):
    assert run(job, "sys.exit(130)")[0] == ["unet+l1 seed 0: stopped; the same command resumes it"]
    (job.folder / LOG).write_text("a\n\nOSError: no space left\n\n")
    assert run(job, "sys.exit(1)")[0] == ["unet+l1 seed 0: OSError: no space left"]
    assert "No such file" in last_line(job.folder / "absent")


def test_a_cell_that_is_held_is_waited_for_and_then_a_problem(job, monkeypatch):
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.1)
    with hold(job.folder):
        assert run(job, "sys.exit(75)")[0] == ["unet+l1 seed 0: another process is running this cell"]
    assert run(job, "sys.exit(75)", "sys.exit(0)") == ([], None)


def test_an_interrupt_stops_the_workers(tmp_path):
    """From wherever it comes, here from the first event: everything that runs is asked to end and waited for."""
    jobs = [Job(tmp_path / str(number), small_cell(seed=number), ("psnr",)) for number in range(3)]
    started, told = [], []

    def spawn(job, environment):
        started.append(Pretend(WAIT)(job, environment))
        return started[-1]

    def interrupt(event):
        told.append((event.kind, event.job.folder.name))
        if event.kind == "start" and len(started) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Supervisor(["cpu", "cpu"], on_event=interrupt, spawn=spawn).run(jobs)
    assert [process.returncode for process in started] == [-signal.SIGTERM] * 2
    assert sorted(told[2:]) == [("stop", "0"), ("stop", "1")]


def test_side_by_side_on_each_device_with_events_once_each(tmp_path):
    jobs = [Job(tmp_path / str(number), small_cell(seed=number), ("psnr",)) for number in range(5)]
    events, devices = Counter(), Counter()

    def spawn(job, environment):
        devices[job.device, job.threads] += 1
        return Pretend("sys.exit(0)")(job, environment)

    def count(event):
        events[event.kind, event.job.name] += 1

    assert Supervisor(["cpu", "cuda:0"], threads=3, on_event=count, spawn=spawn).run(jobs) == []
    assert set(devices) == {("cpu", 3), ("cuda:0", 3)}
    assert set(events.values()) == {1}
    assert Counter(kind for kind, _ in events) == {"start": 5, "end": 5}


@pytest.mark.parametrize(
    ("visible", "names"), [(None, {"0", "1"}), ("2,0", {"2", "0"}), ("GPU-aa, GPU-bb", {"GPU-aa", "GPU-bb"})]
)
def test_a_worker_sees_its_own_gpu_alone(tmp_path, monkeypatch, visible, names):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    seen = set()

    def spawn(job, environment):
        seen.add((job.device, environment["CUDA_VISIBLE_DEVICES"], environment["KEPT"]))
        return Pretend("sys.exit(0)")(job, environment)

    jobs = [Job(tmp_path / str(number), small_cell(seed=number), ("psnr",)) for number in range(2)]
    assert Supervisor(["cuda:0", "cuda:1"], {"KEPT": "yes"}, spawn=spawn).run(jobs) == []
    assert seen == {("cuda:0", name, "yes") for name in names}


def test_a_worker_has_its_parents_id_a_log_no_input_and_a_session_of_its_own(job, monkeypatch):
    job.write()
    python = job.folder / "python"
    python.write_text(
        '#!/bin/sh\necho "$COLORBENCH_PARENT $GIVEN, session $(cut -d" " -f6 /proc/$$/stat)"\nread line\n'
    )
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    process = start_worker(job, {"GIVEN": "what was given"})
    assert process.wait(60) == 1, "it read a line"
    assert (job.folder / LOG).read_text() == f"{os.getpid()} what was given, session {process.pid}\n"
