"""Workers that stay: a process that has opened its GPU runs one cell after another.

Opening a GPU, loading its libraries and choosing their kernels takes longer than a small cell trains. A worker is used again
for the next cell on the same GPU while all goes well; after anything but a record that is done a new one takes its place.
It reads the folder of a job on standard input, as JSON, and answers with the exit status of `grid.worker` and whether it
stays.
"""

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from colorbench.files import RECORD
from colorbench.grid.fork_server import PolledWorker, start_server
from colorbench.grid.worker import DONE, Job, logged_main
from colorbench.record import read_record


class WarmWorkers:
    """Starts workers as `start_worker` does: `workers(job, environment)`. A context manager, which ends those that wait."""

    def __init__(self):
        self._waiting: list[tuple[dict[str, str], subprocess.Popen]] = []

    def __enter__(self) -> "WarmWorkers":
        return self

    def __exit__(self, *error: object) -> None:
        for _, process in self._waiting:
            process.communicate()  # closes its input, which ends it
        self._waiting.clear()

    def __call__(self, job: Job, environment: Mapping[str, str]) -> "WarmWorker":
        wanted = dict(environment)
        while waiting := [one for one in self._waiting if one[0] == wanted]:
            self._waiting.remove(waiting[0])
            process = waiting[0][1]
            if _give(process, job):
                break
            process.kill()  # it died while it waited, or no longer listens
            process.communicate()
        else:
            process = start_server(__name__, wanted)
            _give(process, job)  # if it has ended already, its exit status tells the supervisor
        return WarmWorker(process, lambda: self._waiting.append((wanted, process)))


class WarmWorker(PolledWorker):
    """One job of a process, with what a supervisor asks of a `subprocess.Popen`."""

    def __init__(self, process: subprocess.Popen, give_back: Callable[[], None]):
        self._process, self._give_back, self.pid = process, give_back, process.pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            answers = self._process.stdout
            assert answers is not None
            if select.select([answers], [], [], 0)[0] and (line := answers.readline()):
                status, stays = line.split()
                self.returncode = int(status)
                if stays == b"stays":
                    self._give_back()
                else:
                    self._process.communicate()
            elif (status := self._process.poll()) is not None:
                self._process.communicate()  # closes its pipes
                self.returncode = status
        return self.returncode

    def terminate(self) -> None:
        if self.poll() is None:
            self._process.terminate()

    def kill(self) -> None:
        if self.poll() is None:
            self._process.kill()


def _give(process: subprocess.Popen, job: Job) -> bool:
    """Send a job to a worker; return whether it still listens."""
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(str(job.folder)).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        return False
    return True


def serve() -> None:
    """Run the jobs whose folders come on standard input, until it closes or one of them does not end well."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    while line := sys.stdin.readline():
        folder = Path(json.loads(line))
        status = logged_main(folder)
        stays = status == DONE and read_record(folder / RECORD).status == "done"
        answers.write(f"{status} {'stays' if stays else 'ends'}\n")
        if not stays:
            return
        from colorbench.training.device import free_memory  # with torch, which the job has imported

        free_memory()
