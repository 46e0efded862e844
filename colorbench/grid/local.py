"""The local executor: one process a cell, one cell a device; CPU cells side by side when asked.

A worker that outlives its time is killed and recorded as a time-out. A cell that another process holds (a second harness, or
a worker whose harness was killed and which still saves) is left for later, then waited for.
"""

import os
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from colorbench.grid import attempts
from colorbench.grid.attempts import Again, has_overstayed, judge, start_worker
from colorbench.grid.job import Job
from colorbench.grid.state import is_held
from colorbench.grid.worker import BUSY
from colorbench.training.run_log import read_progress

_POLL_SECONDS = 0.05
_LOOK_SECONDS = 0.5  # between two looks at a cell's progress, which tells no more often


@dataclass(frozen=True)
class Event:
    """What an executor tells while it works: `kind` is start, progress, end or problem."""

    kind: str
    job: Job
    share: float = 0.0
    text: str = ""


OnEvent = Callable[[Event], None]
Spawn = Callable[[Job, Mapping[str, str]], Any]


@dataclass
class _Running:
    job: Job
    device: str
    process: Any  # a Popen, or what `spawn` gave in its place
    attempt: int
    began: float = field(default_factory=time.monotonic)
    looked: float = 0.0
    killed: bool = False


class LocalExecutor:
    """Runs jobs in processes of this machine.

    Args:
        devices: one slot each: ["cuda:0", "cuda:1"], or ["cpu"] * n for n cells side by side.
        environment: variables for the workers, over those of this process.
        spawn: starts the worker of a job; a simulation gives its own.
    """

    def __init__(self, devices: Sequence[str], environment: dict[str, str] | None = None, spawn: Spawn = start_worker):
        if not devices:
            raise ValueError("a local executor needs at least one device, such as ['cpu']")
        self.devices, self.environment, self.spawn = list(devices), environment or {}, spawn
        cpu_slots = sum(device == "cpu" for device in devices)
        asked = os.environ.get("OMP_NUM_THREADS", "")
        share = int(asked) if asked.isdigit() else (os.cpu_count() or 1) // max(1, cpu_slots)
        self.threads = max(1, share) if cpu_slots else None

    def execute(self, jobs: Sequence[Job], on_event: OnEvent = lambda event: None) -> list[str]:
        """Run all jobs; returns the problems, one sentence each. KeyboardInterrupt stops workers, which save and can resume."""
        shift = _Shift(self, jobs, on_event)
        try:
            while shift.goes_on():
                if not shift.turn():
                    time.sleep(_POLL_SECONDS)
        except KeyboardInterrupt:
            shift.stop()
            raise
        return shift.problems

    def start(self, job: Job, device: str, attempt: int) -> _Running:
        """The worker of a job, on a device."""
        job = replace(job, device=device, threads=self.threads if device == "cpu" else None)
        job.write()
        return _Running(job, device, self.spawn(job, self.environment), attempt)


class _Shift:
    """One call of `execute`: who waits, who runs, whose cell is held by somebody else."""

    def __init__(self, executor: LocalExecutor, jobs: Sequence[Job], on_event: OnEvent):
        self.executor, self.tell = executor, on_event
        self.waiting = deque(Again(job, 1) for job in jobs)
        self.free = deque(executor.devices)
        self.running: list[_Running] = []
        self.held: list[Again] = []
        self.problems: list[str] = []
        self.looked = self.idle_since = time.monotonic()

    def goes_on(self) -> bool:
        return bool(self.waiting or self.running or self.held)

    def turn(self) -> bool:
        """Start what can start, take in what has ended; False when nothing has changed."""
        self._look_at_held()
        changed = bool(self.waiting and self.free)
        while self.waiting and self.free:
            again = self.waiting.popleft()
            each = self.executor.start(again.job, self.free.popleft(), again.attempt)
            self.tell(Event("start", each.job))
            self.running.append(each)
        for each in list(self.running):
            if each.process.poll() is None:
                self._watch(each)
                continue
            changed = True
            self.running.remove(each)
            self.free.append(each.device)
            self._take_in(each)
        return changed

    def stop(self) -> None:
        """Ask all workers to save and end; wait for them, at most half a minute."""
        for each in self.running:
            each.process.terminate()
        deadline = time.monotonic() + 30
        for each in self.running:
            try:
                each.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                each.process.kill()
                each.process.wait()

    def _watch(self, each: _Running) -> None:
        now = time.monotonic()
        if now - each.looked >= _LOOK_SECONDS:
            each.looked = now
            if told := read_progress(each.job.folder):
                self.tell(Event("progress", each.job, told["share"], told["phase"]))
        if not each.killed and has_overstayed(each.job, now - each.began):
            each.killed = True
            each.process.kill()

    def _take_in(self, each: _Running) -> None:
        status = each.process.returncode
        if status == BUSY:
            self.held.append(Again(each.job, each.attempt))
            return
        verdict = judge(status, each.job, each.attempt, each.killed)
        if verdict is None:
            self.tell(Event("end", each.job, 1.0))
        elif isinstance(verdict, str):
            self._give_up(each.job, verdict)
        else:
            self.waiting.appendleft(verdict)

    def _look_at_held(self) -> None:
        """Cells of others: back into the queue once they are free; a problem when nothing else has been left for long."""
        now = time.monotonic()
        if self.waiting or self.running:
            self.idle_since = now
        if not self.held or now - self.looked < _LOOK_SECONDS:
            return
        self.looked = now
        patient = now - self.idle_since < attempts.BUSY_SECONDS
        held, self.held = self.held, []
        for again in held:
            if not is_held(again.job.folder):
                self.waiting.append(again)
            elif patient:
                self.held.append(again)
            else:
                self._give_up(again.job, judge(BUSY, again.job, again.attempt))

    def _give_up(self, job: Job, problem: str) -> None:
        self.problems.append(problem)
        self.tell(Event("problem", job, 0.0, problem))


def find_devices(device: str | None = None, jobs: int = 1) -> list[str]:
    """Slots of this machine: every GPU, or the CPU `jobs` times; `device` names one instead."""
    import torch

    check_device(device)
    if device and device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device {device!r} was asked for, but torch finds no GPU here; use --device cpu")
    if device and device.startswith("cuda:"):
        return [device]
    if device != "cpu" and torch.cuda.is_available():
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ["cpu"] * max(1, jobs)


def check_device(device: str | None, numbered: bool = True) -> None:
    """Refuse a name that is not of a device, or a numbered one where an engine hands out the GPUs."""
    if device not in (None, "auto", "cuda", "cpu") and not device.startswith("cuda:"):
        raise ValueError(f"unknown device {device!r}; known devices: auto, cpu, cuda, cuda:0 ...")
    if not numbered and device and device.startswith("cuda:"):
        raise ValueError(f"device {device!r}: ray and slurm hand out the GPUs themselves; use --device cuda")
