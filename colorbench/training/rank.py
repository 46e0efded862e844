"""One of several processes that train a cell: `python -m colorbench.training.rank FOLDER`, started by `ranks`."""

import json
import os
import sys
import threading
import time
from pathlib import Path

import torch

from colorbench.cell import Cell
from colorbench.data import load_protocol_photos
from colorbench.plugins import load_plugins
from colorbench.training.group import join
from colorbench.training.ledger import Ledger
from colorbench.training.loop import train_loop
from colorbench.training.memory import is_out_of_memory
from colorbench.training.ranks import FAILURES, FOLDER, JOB, STOP
from colorbench.training.train import check_photos

_ORPHAN_SECONDS = 60.0  # an orphan has so long to save and end


def main(folder: Path) -> int:
    """Train this process's share; returns the exit status. What happened stands in its note."""
    rank, shared = int(os.environ["LOCAL_RANK"]), folder / FOLDER
    job = json.loads((shared / JOB).read_text())
    ledger, note = Ledger(**job["ledger"]), {"ended": "done", "message": ""}
    try:
        _train(folder, job, rank, ledger)
    except BaseException as error:
        note = {"ended": _kind(error), "message": str(error) or type(error).__name__}
    (shared / f"{rank}.json").write_text(json.dumps(note | {"ledger": vars(ledger)}))
    return 0 if note["ended"] == "done" else 1


def _train(folder: Path, job: dict, rank: int, ledger: Ledger) -> None:
    torch.set_num_threads(job["threads"])
    load_plugins(job["plugins"])
    cell = Cell.model_validate(job["cell"])
    photos = load_protocol_photos(cell.protocol, job["source"])
    check_photos(cell, photos)
    devices = [torch.device(name) for name in job["devices"]]
    group, stop = join(devices), _Stop(folder / FOLDER / STOP)
    deadline = None if job["deadline"] is None else time.monotonic() + job["deadline"] - time.time()
    train_loop(
        cell, photos, folder, devices[rank], ledger=ledger, deadline=deadline, should_stop=stop, group=group,
        **job["options"],
    )  # fmt: skip
    torch.distributed.destroy_process_group()


class _Stop:
    """True when the file is there or the parent is gone; an orphan that does not end by itself is ended."""

    def __init__(self, file: Path):
        self.file, self.parent = file, os.getppid()
        threading.Thread(target=self._follow, daemon=True).start()

    def __call__(self) -> bool:
        return self.file.exists() or os.getppid() != self.parent

    def _follow(self) -> None:
        while os.getppid() == self.parent:
            time.sleep(1.0)
        time.sleep(_ORPHAN_SECONDS)
        os._exit(1)


def _kind(error: BaseException) -> str:
    """The name of what happened, as `ranks.FAILURES` knows it."""
    if is_out_of_memory(error):
        return "OutOfMemoryError"
    return next((name for name, kind in FAILURES.items() if isinstance(error, kind)), type(error).__name__)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
