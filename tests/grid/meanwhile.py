"""Disturb a grid while it runs: a thread looks at its files fifty times a second, faster than any cell can end."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from colorbench.files import TRAINING_STATE
from colorbench.grid.state import read_progress


@contextlib.contextmanager
def meanwhile(look: Callable[[], bool]) -> Iterator[None]:
    """Calls `look` beside the block until it returns True or the block ends; raises what it raised."""
    ended, failures = threading.Event(), []

    def watch() -> None:
        try:
            while not look() and not ended.wait(0.02):
                pass
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if failures:
        raise failures[0]


def training_workers(out: Path) -> list[tuple[Path, int]]:
    """Folder and process id of every cell that trains and has saved a checkpoint."""
    found = [(path.parent, read_progress(path.parent) or {}) for path in out.rglob(TRAINING_STATE)]
    return [(folder, told["pid"]) for folder, told in found if told.get("phase") == "training"]


def until_it_trains(folder: Path) -> int:
    """Wait for the first checkpoint of the cell in this folder; its process id."""
    while not (workers := training_workers(folder)):
        time.sleep(0.02)
    return workers[0][1]


def deaf_process() -> subprocess.Popen:
    """A process that lives but has closed its input: writing to it raises BrokenPipeError."""
    command = ["sh", "-c", "exec <&-; echo closed; exec sleep 600"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"closed\n"
    return process


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def kill(pid: int) -> None:
    """kill -9, also of one that has just ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
