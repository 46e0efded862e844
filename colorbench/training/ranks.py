"""Several processes for one cell: started here, one a device, and watched. What they do is in `rank` and `group`.

They share the cell's folder: the job and each one's closing note lie in `ranks/`, a file `stop` there asks them to save and
end, and the first process leaves its training state where a single one would. A failure of one ends all and becomes this
process's own; one that a signal ended is started again, with all others, from the last checkpoint.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from colorbench.cell import Cell
from colorbench.data import Photos
from colorbench.features import WeightsMissing
from colorbench.plugins import loaded_files
from colorbench.training.checkpoint import load_state
from colorbench.training.ledger import Ledger
from colorbench.training.loop import TimedOut
from colorbench.training.memory import with_smaller_parts
from colorbench.training.setup import build_trainer
from colorbench.training.trainer import Diverged, Trainer

FOLDER, JOB, STOP = "ranks", "job.json", "stop"
MOST_ATTEMPTS = 3
FAILURES = {
    "Diverged": Diverged,
    "TimedOut": TimedOut,
    "WeightsMissing": WeightsMissing,
    "OutOfMemoryError": torch.OutOfMemoryError,
    "KeyboardInterrupt": KeyboardInterrupt,
    "OSError": OSError,
}
"""What a process may end with that means more than a crash; names stand in its note."""
_HUNG = 1000  # no exit status: asked to stop, a process did not
_POLL_SECONDS, _GRACE_SECONDS, _STOP_SECONDS = 0.05, 5.0, 60.0


class RankFailed(RuntimeError):
    """One of the processes of a cell ended with an error of the network's code, or without a word."""


class RankKilled(RankFailed):
    """A signal ended it."""


def train_together(
    cell: Cell,
    photos: Photos,
    folder: Path,
    devices: Sequence[torch.device],
    *,
    source: str | Path | None,
    ledger: Ledger,
    deadline: float | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    **options: float | int | None,
) -> Trainer:
    """As `train_loop`, by a process a device, each with its share of every batch. Raises what train_loop raises.

    Raises:
        RankFailed: a process crashed.
    """
    job = {
        "cell": cell.model_dump(mode="json"),
        "source": None if source is None else str(source),
        "plugins": loaded_files(),
        "devices": [str(device) for device in devices],
        "threads": max(1, torch.get_num_threads() // len(devices)),
        "deadline": None if deadline is None else time.time() + deadline - time.monotonic(),
        "options": options,
    }

    def attempt() -> None:
        for left in reversed(range(MOST_ATTEMPTS)):
            try:
                return _run(folder, job | {"ledger": vars(ledger)}, ledger, should_stop)
            except RankKilled:
                if not left:
                    raise

    with_smaller_parts(attempt, ledger, cell.protocol.batch // len(devices))
    trainer = build_trainer(cell, photos, devices[0], ledger.micro_batch)
    trainer.load(load_state(folder, devices[0])["trainer"])
    return trainer


def _run(folder: Path, job: dict, ledger: Ledger, should_stop: Callable[[], bool]) -> None:
    """One attempt of all processes; the ledger afterwards says what the first one's said."""
    shared = folder / FOLDER
    shutil.rmtree(shared, ignore_errors=True)
    shared.mkdir()
    (shared / JOB).write_text(json.dumps(job))
    processes = _start(folder, len(job["devices"]))
    try:
        statuses = _wait(processes, shared / STOP, should_stop)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        _update(ledger, _note(shared, 0))
    if any(statuses):
        raise _failure(shared, statuses)
    shutil.rmtree(shared)


def _start(folder: Path, world: int) -> list[subprocess.Popen]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = []
    for rank in range(world):
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_RANK": str(rank), "NODE_RANK": "0"}
        with (folder / FOLDER / f"{rank}.log").open("wb") as log:
            processes.append(subprocess.Popen(
                [sys.executable, "-m", "colorbench.training.rank", str(folder)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, env=os.environ | meeting, start_new_session=True,
            ))  # fmt: skip
    return processes


def _wait(processes: Sequence[subprocess.Popen], stop: Path, should_stop: Callable[[], bool]) -> list[int]:
    """Exit statuses when all are done, or when one failed and the others had time to say what they saw of it."""
    ends = float("inf")
    while None in (statuses := [process.poll() for process in processes]) and time.monotonic() < ends:
        if any(statuses):
            ends = min(ends, time.monotonic() + _GRACE_SECONDS)
        if not stop.exists() and _asked(should_stop):
            stop.touch()
            ends = min(ends, time.monotonic() + _STOP_SECONDS)
    return [status or 0 for status in statuses] if any(statuses) or None not in statuses else [_HUNG] * len(statuses)


def _asked(should_stop: Callable[[], bool]) -> bool:
    try:
        time.sleep(_POLL_SECONDS)
        return should_stop()
    except KeyboardInterrupt:
        return True


def _note(shared: Path, rank: int) -> dict | None:
    """What a process wrote when it ended, or None."""
    try:
        return json.loads((shared / f"{rank}.json").read_text())
    except (OSError, ValueError):
        return None


def _update(ledger: Ledger, note: dict | None) -> None:
    watched = ("joules", "exclusive", "throttled")  # by this process, over all devices
    for name, value in (note["ledger"] if note else {}).items():
        if name not in watched:
            setattr(ledger, name, value)


def _failure(shared: Path, statuses: Sequence[int]) -> BaseException:
    """What to raise: the failure that means most, and of equal ones the first process's."""
    failed = [(rank, _note(shared, rank)) for rank, status in enumerate(statuses) if status]
    for _, note in failed:
        if note and note["ended"] in FAILURES:
            return FAILURES[note["ended"]](note["message"])
    for rank, note in failed:
        if note is None and statuses[rank] < 0:
            return RankKilled(f"process {rank} of {len(statuses)} was ended by signal {-statuses[rank]}")
    if _HUNG in statuses:
        return KeyboardInterrupt("stopped; the processes did not save in time")
    rank, note = next((each for each in failed if each[1]), failed[0])
    said = f"{note['ended']}: {note['message']}" if note else "ended without a word"
    return RankFailed(f"process {rank} of {len(statuses)}: {said}")
