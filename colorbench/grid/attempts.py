"""Attempts at a cell: how its worker process is started, and what follows from how it ended. Every executor asks here."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from colorbench.grid.job import Job
from colorbench.grid.worker import BUSY, DONE, PARENT_VARIABLE, STOPPED

MOST_ATTEMPTS = 3
GRACE_SECONDS = 60.0  # for set-up and evaluation, beyond the suite's time for training
BUSY_SECONDS = 30.0  # how long a cell that another process holds is waited for
LOG_NAME = "log.txt"


@dataclass(frozen=True)
class Again:
    """The cell is to be started once more: after a death, or to record a failure (`job.fail`)."""

    job: Job
    attempt: int


def start_worker(job: Job, environment: Mapping[str, str]) -> subprocess.Popen:
    """The worker of a job whose file is written, with these variables over ours. Ctrl-C does not reach it."""
    with (job.folder / LOG_NAME).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "colorbench.grid.worker", str(job.folder)],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment, PARENT_VARIABLE: str(os.getpid())},
            start_new_session=True,
        )


def judge(status: int, job: Job, attempt: int, killed: bool = False) -> Again | str | None:
    """What follows from a worker's exit status: nothing (a record is written), another start, or a problem in a sentence.

    A worker that dies of a signal is started again, where it resumes, and recorded as a crash after `MOST_ATTEMPTS`.
    """
    if status == DONE:
        return None
    if killed and job.fail is None:
        message = "the process did not end in time and was killed"
        return Again(replace(job, fail=("timeout", message), timeout_seconds=None), attempt)
    if status < 0 and job.fail is None:
        if attempt < MOST_ATTEMPTS:
            return Again(job, attempt + 1)
        return Again(replace(job, fail=("crash", _deaths(-status))), attempt)
    text = {BUSY: "another process is running this cell", STOPPED: "stopped, resumable"}.get(status)
    return f"{job.name}: {text or last_line(job.folder / LOG_NAME)}"


def has_overstayed(job: Job, seconds: float | int) -> bool:
    """Has the worker run longer than the suite allows, set-up and evaluation counted?"""
    return job.timeout_seconds is not None and seconds > job.timeout_seconds + GRACE_SECONDS


def travelling_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a worker on another machine must be told: our own variables and `extra`."""
    return {key: value for key, value in os.environ.items() if key.startswith("COLORBENCH_")} | dict(extra)


def _deaths(number: int) -> str:
    name = signal.Signals(number).name
    message = f"the process was ended by {name} {MOST_ATTEMPTS} times"
    return message + " (the system kills when memory runs out)" if name == "SIGKILL" else message


def last_line(path: Path) -> str:
    """The last line of a log that says something."""
    try:
        lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    except OSError as error:
        return str(error)
    return lines[-1] if lines else "ended without a word; see its log.txt"
