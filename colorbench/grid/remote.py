"""One cell on another machine: what a Ray task or a Slurm job does there, and how the two sides find each other.

The cell runs in the same worker process, under the same supervisor, as on this machine; so the network's code
cannot harm the engine. All it shares with the run is the cell's folder, which must be on a file system that both see; a
ticket in that folder tells whether it is.
"""

import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from colorbench.files import TICKET, write_run_file
from colorbench.grid.supervisor import Supervisor
from colorbench.grid.worker import Job, read_job

TICKET_SECONDS = 10.0  # network file systems show new files late
RECORDED, PROBLEM, UNSEEN = "recorded", "problem", "unseen"


def write_ticket(job: Job) -> str:
    """Write a job and a new ticket beside it, for a `RemoteCell` elsewhere."""
    job.write()
    ticket = secrets.token_hex(8)
    write_run_file(job.folder / TICKET, ticket.encode(), durable=False)
    return ticket


def environment_elsewhere(extra: Mapping[str, str]) -> dict[str, str]:
    """Variables for a worker on another machine: our own and `extra`."""
    return {key: value for key, value in os.environ.items() if key.startswith("COLORBENCH_")} | dict(extra)


class RemoteCell:
    """Runs one cell to its end. Call it; `stop` (from a signal handler) makes its worker save and end.

    Args:
        folder: of the cell.
        ticket: what `write_ticket` gave.
        environment: variables for the worker.
    """

    def __init__(self, folder: str, ticket: str, environment: Mapping[str, str]):
        self.folder, self.ticket, self.environment = folder, ticket, dict(environment)
        self.supervisor: Supervisor | None = None

    def __call__(self) -> tuple[str, str]:
        """`recorded`, or `problem` or `unseen` with a message."""
        folder = Path(self.folder)
        if not _sees(folder, self.ticket):
            return UNSEEN, f"does not see {folder}"
        self.supervisor = Supervisor(environment=self.environment)
        problems = self.supervisor.run([read_job(folder)])
        return (PROBLEM, problems[0]) if problems else (RECORDED, "")

    def stop(self) -> None:
        """Ask the worker to save and end, and wait for it."""
        if self.supervisor is not None:
            self.supervisor.stop()


def _sees(folder: Path, ticket: str) -> bool:
    deadline = time.monotonic() + TICKET_SECONDS
    while time.monotonic() < deadline:
        try:
            if (folder / TICKET).read_bytes() == ticket.encode():
                return True
        except OSError:
            pass
        time.sleep(0.2)
    return False
