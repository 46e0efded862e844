"""The local executor: one process a cell, one cell a device; CPU cells side by side when asked.

A worker that dies of a signal is started again (it resumes) and, after `MOST_ATTEMPTS`, recorded as a crash. A worker that
outlives its time is killed and recorded as a time-out.
"""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from colorbench.grid.job import Job
from colorbench.grid.worker import BUSY, DONE, STOPPED
from colorbench.training.progress import read_progress

MOST_ATTEMPTS = 3
GRACE_SECONDS = 60.0  # for set-up and evaluation, beyond the suite's time for training
_POLL_SECONDS = 0.05
LOG_NAME = "log.txt"


@dataclass(frozen=True)
class Event:
    """What an executor tells while it works: `kind` is start, progress, end or problem."""

    kind: str
    job: Job
    share: float = 0.0
    text: str = ""


OnEvent = Callable[[Event], None]


@dataclass
class _Running:
    job: Job
    device: str
    process: subprocess.Popen
    began: float = field(default_factory=time.monotonic)
    attempt: int = 1
    killed: bool = False


class LocalExecutor:
    """Runs jobs in processes of this machine.

    Args:
        devices: one slot each: ["cuda:0", "cuda:1"], or ["cpu"] * n for n cells side by side.
        environment: variables for the workers, over those of this process.
    """

    def __init__(self, devices: Sequence[str], environment: dict[str, str] | None = None):
        if not devices:
            raise ValueError("a local executor needs at least one device, such as ['cpu']")
        self.devices, self.environment = list(devices), environment or {}
        cpu_slots = sum(device == "cpu" for device in devices)
        asked = os.environ.get("OMP_NUM_THREADS", "")
        share = int(asked) if asked.isdigit() else (os.cpu_count() or 1) // max(1, cpu_slots)
        self.threads = max(1, share) if cpu_slots else None

    def execute(self, jobs: Sequence[Job], on_event: OnEvent = lambda event: None) -> list[str]:
        """Run all jobs; returns the problems, one sentence each. KeyboardInterrupt stops workers, which save and can resume."""
        waiting, free, running, problems = deque((job, 1) for job in jobs), deque(self.devices), [], []
        try:
            while waiting or running:
                while waiting and free:
                    job, attempt = waiting.popleft()
                    running.append(self._start(job, free.popleft(), attempt, on_event))
                time.sleep(_POLL_SECONDS)
                for each in list(running):
                    if each.process.poll() is None:
                        self._watch(each, on_event)
                        continue
                    running.remove(each)
                    free.append(each.device)
                    again = self._ended(each, problems, on_event)
                    if again is not None:
                        waiting.appendleft(again)
        except KeyboardInterrupt:
            self._stop(running)
            raise
        return problems

    def _start(self, job: Job, device: str, attempt: int, on_event: OnEvent) -> _Running:
        job = replace(job, device=device, threads=self.threads if device == "cpu" else None)
        job.write()
        on_event(Event("start", job))
        with (job.folder / LOG_NAME).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "colorbench.grid.worker", str(job.folder)],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=os.environ | self.environment,
                start_new_session=True,  # Ctrl-C reaches this process alone, which then asks the workers to stop
            )
        return _Running(job, device, process, attempt=attempt)

    def _watch(self, each: _Running, on_event: OnEvent) -> None:
        told = read_progress(each.job.folder)
        if told:
            on_event(Event("progress", each.job, told["share"], told["phase"]))
        limit = each.job.timeout_seconds
        if limit and not each.killed and time.monotonic() - each.began > limit + GRACE_SECONDS:
            each.killed = True
            each.process.kill()

    def _ended(self, each: _Running, problems: list[str], on_event: OnEvent) -> tuple[Job, int] | None:
        """What follows from an exit status: nothing, another attempt, or the record of a failure."""
        status, job = each.process.returncode, each.job
        if status == DONE:
            on_event(Event("end", job, 1.0))
            return None
        if each.killed:
            message = "the process did not end in time and was killed"
            return replace(job, fail=("timeout", message), timeout_seconds=None), each.attempt
        if status < 0 and job.fail is None:
            if each.attempt < MOST_ATTEMPTS:
                return job, each.attempt + 1
            name = signal.Signals(-status).name
            message = f"the process was ended by {name} {MOST_ATTEMPTS} times"
            if name == "SIGKILL":
                message += " (the system kills when memory runs out)"
            return replace(job, fail=("crash", message)), each.attempt
        text = {BUSY: "another process is running this cell", STOPPED: "stopped, resumable"}.get(status)
        problems.append(f"{job.name}: {text or last_line(job.folder / LOG_NAME)}")
        on_event(Event("problem", job, 0.0, problems[-1]))
        return None

    @staticmethod
    def _stop(running: Sequence[_Running]) -> None:
        """Ask all workers to save and end; wait for them, at most half a minute."""
        for each in running:
            each.process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 30
        for each in running:
            try:
                each.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                each.process.kill()
                each.process.wait()


def last_line(path: Path) -> str:
    """The last line of a log that says something."""
    try:
        lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    except OSError as error:
        return str(error)
    return lines[-1] if lines else "ended without a word; see its log.txt"


def find_devices(device: str | None = None, jobs: int = 1) -> list[str]:
    """Slots of this machine: every GPU, or the CPU `jobs` times; `device` names one instead."""
    import torch

    if device not in (None, "auto", "cuda", "cpu") and not device.startswith("cuda:"):
        raise ValueError(f"unknown device {device!r}; known devices: auto, cpu, cuda, cuda:0 ...")
    if device and device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device {device!r} was asked for, but torch finds no GPU here; use --device cpu")
    if device and device.startswith("cuda:"):
        return [device]
    if device != "cpu" and torch.cuda.is_available():
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ["cpu"] * max(1, jobs)
