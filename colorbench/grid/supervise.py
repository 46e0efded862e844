"""One cell on another machine: what a Ray task or a Slurm job does there.

It starts the same worker process as the local executor does, again when the worker dies, up to a record; so nothing that the
network's code does can harm the engine. All it shares with the harness is the cell's folder, which must be on a file system
that both see; a ticket in that folder tells whether it is.
"""

import secrets
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from colorbench.files import write_atomically
from colorbench.grid import attempts
from colorbench.grid.attempts import Again, has_overstayed, judge, start_worker
from colorbench.grid.job import Job, read_job
from colorbench.grid.state import is_held
from colorbench.grid.worker import BUSY

TICKET_NAME = ".ticket"
TICKET_SECONDS = 10.0  # network file systems show new files late
RECORDED, PROBLEM, UNSEEN = "recorded", "problem", "unseen"
_POLL_SECONDS = 0.1


def write_ticket(job: Job) -> str:
    """Write a job and a new ticket beside it, for a supervisor elsewhere."""
    job.write()
    ticket = secrets.token_hex(8)
    write_atomically(job.folder / TICKET_NAME, ticket.encode(), durable=False)
    return ticket


class Supervisor:
    """Sees one cell through. Call it; `stop` (from a signal handler) makes the worker save and end.

    Args:
        folder: of the cell.
        ticket: what `write_ticket` gave.
        environment: variables for the worker.
    """

    def __init__(self, folder: str, ticket: str, environment: Mapping[str, str]):
        self.folder, self.ticket, self.environment = folder, ticket, dict(environment)
        self.process: subprocess.Popen | None = None

    def __call__(self) -> tuple[str, str]:
        """`recorded`, or `problem` or `unseen` with a sentence."""
        folder = Path(self.folder)
        if not _sees(folder, self.ticket):
            return UNSEEN, f"does not see {folder}"
        job, attempt = read_job(folder), 1
        while True:
            status, killed = self._attempt(job)
            if status == BUSY and _wait_until_free(folder):
                continue
            verdict = judge(status, job, attempt, killed)
            if not isinstance(verdict, Again):
                return (RECORDED, "") if verdict is None else (PROBLEM, verdict)
            job, attempt = verdict.job, verdict.attempt

    def stop(self, seconds: float | int = 60.0) -> None:
        """Ask the worker to save and end, and wait for it."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()  # SIGINT is ignored by whatever a script starts in the background, until it says otherwise
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _attempt(self, job: Job) -> tuple[int, bool]:
        job.write()
        began, killed = time.monotonic(), False
        self.process = start_worker(job, self.environment)
        while (status := self.process.poll()) is None:
            time.sleep(_POLL_SECONDS)
            if not killed and has_overstayed(job, time.monotonic() - began):
                killed = True
                self.process.kill()
        return status, killed


def _sees(folder: Path, ticket: str) -> bool:
    deadline = time.monotonic() + TICKET_SECONDS
    while time.monotonic() < deadline:
        try:
            if (folder / TICKET_NAME).read_text() == ticket:
                return True
        except OSError:
            pass
        time.sleep(0.2)
    return False


def _wait_until_free(folder: Path) -> bool:
    """A worker whose engine was killed still saves: wait for it."""
    deadline = time.monotonic() + attempts.BUSY_SECONDS
    while time.monotonic() < deadline:
        if not is_held(folder):
            return True
        time.sleep(0.5)
    return False
