"""Worker processes of this machine: started, watched, started again, up to a record or a problem.

One `Supervisor` serves every executor: cells side by side on the devices of this machine (training, scoring again, retests),
or the single cell of a Ray task or a Slurm job. A worker that dies starts again and resumes. Only a death without progress
since the last checkpoint counts against its cell, and `MOST_DEATHS` of them in a row are recorded as a crash. A worker that
outlives its time is killed and recorded as a timeout. A cell that another process holds (a second run, or a worker whose run
was killed and which still saves) is left for later.
"""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from colorbench.files import LOG, clear_for_file, is_held, read_file
from colorbench.grid import state
from colorbench.grid.worker import BUSY, DONE, STOPPED, Job, worker_variables
from colorbench.record import Status

MOST_DEATHS = 3
GRACE_SECONDS = 60.0  # for set-up and evaluation, beyond the suite's time for training
BUSY_SECONDS = 30.0  # how long a cell that another process holds is waited for
_SAVING_SECONDS = 60.0  # for workers that are asked to save and end
_POLL_SECONDS = 0.05
_LOOK_SECONDS = 0.5  # between two looks at progress files, which are not written more often


@dataclass(frozen=True)
class Event:
    """Progress of an executor: `kind` is start, progress, stop (asked to save and end), end or problem."""

    kind: str
    job: Job
    share: float = 0.0
    text: str = ""


OnEvent = Callable[[Event], None]


class Tracker:
    """The jobs under way on any engine: tells their events, reads their progress files, collects their problems."""

    def __init__(self, on_event: OnEvent):
        self.tell, self.problems = on_event, []
        self.jobs: dict[Path, Job] = {}
        self._progress: dict[Path, dict | None] = {}
        self._started: set[Path] = set()
        self._looked = 0.0

    def add(self, job: Job, started: bool = False) -> None:
        """Follow a job. One in a queue elsewhere counts as started when its progress changes."""
        if job.folder not in self.jobs:
            self._progress[job.folder] = state.read_progress(job.folder)
        self.jobs[job.folder] = job
        if started:
            self._start(job)

    def look(self) -> None:
        """Tell new progress. Reads the files at most twice a second."""
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        for folder, job in self.jobs.items():
            progress = state.read_progress(folder)
            if progress and progress != self._progress[folder]:
                self._progress[folder] = progress
                self._start(job)
                self.tell(Event("progress", job, progress["share"], progress["phase"]))

    def end(self, folder: Path, problem: str | None = None) -> None:
        """Tell that a job is recorded, or its problem."""
        self._start(self.jobs[folder])
        job = self.jobs.pop(folder)
        self._started.discard(folder)
        del self._progress[folder]
        if problem is None:
            self.tell(Event("end", job, 1.0))
        else:
            self.problems.append(problem)
            self.tell(Event("problem", job, 0.0, problem))

    def tell_stop(self) -> None:
        """Tell that the jobs under way are asked to save and end."""
        for folder in self._started:
            self.tell(Event("stop", self.jobs[folder]))

    def wait_until_saved(self) -> None:
        """Wait while workers save, which they do when their engine is gone; for those that this machine can see."""
        deadline = time.monotonic() + _SAVING_SECONDS
        while time.monotonic() < deadline and any(is_held(folder) for folder in self.jobs):
            time.sleep(0.2)

    def _start(self, job: Job) -> None:
        if job.folder not in self._started:
            self._started.add(job.folder)
            self.tell(Event("start", job))


def start_worker(job: Job, environment: Mapping[str, str]) -> subprocess.Popen:
    """Start the worker of a job whose file is written, with these variables over ours. Ctrl-C does not reach it."""
    clear_for_file(job.folder / LOG)
    with (job.folder / LOG).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "colorbench.grid.worker", str(job.folder)],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=worker_variables(environment),
            start_new_session=True,
        )


@dataclass
class _Task:
    """A job with what has happened to it."""

    job: Job
    deaths: int = 0  # in a row, without progress
    saved_step: int = 0
    process: Any = None  # a Popen, or what `spawn` gave in its place
    device: str | None = None
    began: float = 0.0
    timed_out: bool = False


class Supervisor:
    """Runs jobs to their end, one at a time on each device.

    Args:
        devices: one slot each; None leaves a job the device that it names.
        environment: variables for the workers, over those of this process.
        threads: of a worker; None leaves a job its own.
        on_event: told about starts, progress and ends.
        spawn: starts the worker of a job; a simulation gives its own.
    """

    def __init__(
        self,
        devices: Sequence[str | None] = (None,),
        environment: Mapping[str, str] | None = None,
        *,
        threads: int | None = None,
        on_event: OnEvent = lambda event: None,
        spawn: Callable[[Job, Mapping[str, str]], Any] = start_worker,
    ):
        self.environment, self.threads, self.spawn = dict(environment or {}), threads, spawn
        self.tracker = Tracker(on_event)
        self.free = deque(devices)
        self.waiting: deque[_Task] = deque()
        self.running: list[_Task] = []
        self.held: list[_Task] = []
        self._looked_at_held = self._idle_since = time.monotonic()

    def run(self, jobs: Sequence[Job]) -> list[str]:
        """Run all jobs; return the problems, one message each. Interrupted, it stops the workers, which save."""
        self.waiting.extend(_Task(job) for job in jobs)
        try:
            while self.waiting or self.running or self.held:
                if not self._turn():
                    time.sleep(_POLL_SECONDS)
        except BaseException:
            self.stop()
            raise
        return self.tracker.problems

    def stop(self) -> None:
        """Ask all workers to save and end, and wait for them; kill those that do not end in time."""
        deadline = time.monotonic() + _SAVING_SECONDS
        for task in self.running:
            task.process.terminate()
        self.tracker.tell_stop()
        for task in self.running:
            try:
                task.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                task.process.kill()
                task.process.wait()

    def _turn(self) -> bool:
        """Start what can start, handle what has ended; return False when nothing has changed."""
        self._look_at_held()
        changed = False
        while self.waiting and self.free:
            changed = True
            self._start(self.waiting.popleft(), self.free.popleft())
        for task in list(self.running):
            if task.process.poll() is None:
                self._kill_if_late(task)
                continue
            changed = True
            self.running.remove(task)
            self.free.append(task.device)
            self._handle_end(task, task.process.returncode)
        self.tracker.look()
        return changed

    def _start(self, task: _Task, device: str | None) -> None:
        environment = self.environment
        if device is not None:
            pinned, seen = _pin(device)
            environment = environment | pinned
            task.job = replace(task.job, device=seen, threads=self.threads)
        task.job.write()
        task.device, task.began, task.timed_out = device, time.monotonic(), False
        task.process = self.spawn(task.job, environment)
        self.running.append(task)
        self.tracker.add(task.job, started=True)

    def _kill_if_late(self, task: _Task) -> None:
        limit = task.job.timeout_seconds
        if limit is not None and not task.timed_out and time.monotonic() - task.began > limit + GRACE_SECONDS:
            task.timed_out = True
            task.process.kill()

    def _handle_end(self, task: _Task, status: int) -> None:
        """React to a worker's exit status: done, start again, or a problem."""
        if status == DONE:
            self.tracker.end(task.job.folder)
        elif status == BUSY:
            self.held.append(task)
        elif status > 0:
            self._give_up(
                task, "stopped; the same command resumes it" if status == STOPPED else last_line(task.job.folder / LOG)
            )
        else:
            self._after_death(task, -status)

    def _after_death(self, task: _Task, number: int) -> None:
        """Start again from the last checkpoint, or have a worker record the failure."""
        self._count_death(task)
        failure: tuple[Status, str] | None = None
        if task.timed_out:
            failure = ("timeout", "the process did not end in time and was killed")
        elif task.deaths >= MOST_DEATHS:
            failure = ("crash", f"the process {_ended_by(number)}")
        if failure and not task.job.trains:  # the record that is there stays
            self._give_up(task, failure[1])
            return
        if failure:
            task.job, task.deaths = replace(task.job, fail=failure, timeout_seconds=None), 0
        self.waiting.appendleft(task)

    def _count_death(self, task: _Task) -> None:
        saved = saved_step(task.job)
        task.deaths = 0 if saved > task.saved_step else task.deaths + 1
        task.saved_step = saved

    def _look_at_held(self) -> None:
        """Put cells that other processes hold back into the queue once they are free; give up after BUSY_SECONDS idle."""
        now = time.monotonic()
        if self.waiting or self.running:
            self._idle_since = now
        if not self.held or now - self._looked_at_held < _LOOK_SECONDS:
            return
        self._looked_at_held = now
        patient = now - self._idle_since < BUSY_SECONDS
        held, self.held = self.held, []
        for task in held:
            if not is_held(task.job.folder):
                self.waiting.append(task)
            elif patient:
                self.held.append(task)
            else:
                self._give_up(task, "another process is running this cell")

    def _give_up(self, task: _Task, why: str) -> None:
        self.tracker.end(task.job.folder, f"{task.job.name}: {why}")


def _pin(device: str) -> tuple[dict[str, str], str]:
    """`(variables, device)` for a worker that shall see one GPU only: it cannot open a context on another by mistake.

    >>> _pin("cpu")
    ({}, 'cpu')
    """
    if not device.startswith("cuda:"):
        return {}, device
    number, visible = int(device.removeprefix("cuda:")), os.environ.get("CUDA_VISIBLE_DEVICES")
    name = visible.split(",")[number].strip() if visible else str(number)
    return {"CUDA_VISIBLE_DEVICES": name}, "cuda:0"


def saved_step(job: Job) -> int:
    """The step of the last checkpoint of a job's cell; 0 without one."""
    from colorbench.training.checkpoint import load_state

    try:
        saved = load_state(job.folder, job.cell)
    except ValueError:  # damaged: the next worker starts anew
        return 0
    return saved.trainer["step"] if saved else 0


def last_line(path: Path) -> str:
    """The last line of a log that is not empty."""
    try:
        lines = [line.strip() for line in read_file(path).decode(errors="replace").splitlines() if line.strip()]
    except OSError as error:
        return str(error)
    return lines[-1] if lines else f"ended without a message; see its {LOG}"


def _ended_by(number: int) -> str:
    name = signal.Signals(number).name
    message = f"was ended by {name} {MOST_DEATHS} times without progress"
    return message + " (the system kills when memory runs out)" if name == "SIGKILL" else message
