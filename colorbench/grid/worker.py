"""A job, and the worker that runs it: `python -m colorbench.grid.worker FOLDER`, whatever engine starts it.

A job is one cell to run, as a file in the cell's folder; workers share nothing else.

Exit status: 0 a record is written; 75 another process has the cell; 130 stopped and resumable; 1 not the recipe's fault
(no photos, no disk): the last line of standard error says what, and the cell stays resumable.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from colorbench.cell import Cell, Protocol
from colorbench.errors import one_line
from colorbench.files import CHECKPOINT, JOB, LOG, RECORD, Busy, clear_for_file, file_sha256, hold, write_run_file
from colorbench.grid.state import note_files, state_in
from colorbench.record import Record, Status, read_record

DONE, PROBLEM, BUSY, STOPPED = 0, 1, 75, 130
PARENT_VARIABLE = "COLORBENCH_PARENT"
_ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
    "MALLOC_TOP_PAD_": str(2**26),
}
"""For glibc: keep freed memory. Tensors of over 32 MB would otherwise come from the kernel anew in every step, and page faults
took a third of a classification step at 64 px. Variables of the user's own win."""


@dataclass(frozen=True)
class Retest:
    """What a retest needs beside its cell.

    Attributes:
        trained: folder of the trained cell, with its record and checkpoint.
        about: a remark for the record.
        mean_ab: mean color of the photos that were trained on, which some baselines ask for.
    """

    trained: str
    about: str
    mean_ab: tuple[float, float] | None = None


@dataclass(frozen=True)
class Job:
    """One cell to run. `folder` is where; the rest is written into it.

    `rescore` scores the stored predictions of a finished cell again, `retest` tests a finished generator on other photos,
    `fail` (status and message) records a failure: none of these trains.
    """

    folder: Path
    cell: Cell
    metrics: tuple[str, ...]
    source: str | None = None
    device: str | None = None
    threads: int | None = None
    timeout_seconds: float | None = None
    checkpoint_seconds: float = 20.0
    plugins: tuple[str, ...] = ()
    rescore: bool = False
    retest: Retest | None = None
    fail: tuple[Status, str] | None = None

    @property
    def name(self) -> str:
        return self.cell.name

    @property
    def trains(self) -> bool:
        """Whether there is no record yet, so that a failure becomes a result."""
        return not self.rescore and self.retest is None and self.fail is None

    def write(self) -> None:
        plan = {"steps": self.cell.steps, "provisional": self.cell.provisional}  # not written with a cell
        facts = asdict(self) | {"cell": self.cell.model_dump(mode="json")} | plan
        facts.pop("folder")
        write_run_file(self.folder / JOB, json.dumps(facts, indent=1).encode(), durable=False)


def read_job(folder: Path) -> Job:
    """The job in a cell's folder."""
    facts = json.loads((folder / JOB).read_text())
    for name in ("metrics", "plugins"):
        facts[name] = tuple(facts[name])
    if facts["fail"]:
        facts["fail"] = tuple(facts["fail"])
    if facts["retest"]:
        mean_ab = facts["retest"]["mean_ab"]
        facts["retest"] = Retest(**facts["retest"] | {"mean_ab": mean_ab and tuple(mean_ab)})
    plan = {name: facts.pop(name) for name in ("steps", "provisional")}
    return Job(folder=folder, **facts | {"cell": Cell.model_validate(facts["cell"] | plan)})


def main(folder: Path) -> int:
    """Run the job of a cell's folder; return the exit status."""
    stop = _Stop()
    job = read_job(folder)
    try:
        if job.rescore or job.retest:  # which keep nothing half done
            stop.end_at_once()
        with hold(folder):
            state = state_in(folder, job.cell)
            if state.name == "done" and not (job.rescore or job.retest):  # by another process, in the meantime
                return DONE
            if state.name == "damaged" and job.fail:
                raise ValueError(f"{state.problem}; that failed, and the record stays: {job.fail[1]}")
            run_job(job, stop, state.record if state.name == "damaged" else None)
            note_files(folder, read_record(folder / RECORD))
    except Busy as error:
        print(error, file=sys.stderr)
        return BUSY
    except KeyboardInterrupt:
        return STOPPED
    except (OSError, ValueError, KeyError) as error:
        print(one_line(error), file=sys.stderr)
        return PROBLEM
    return DONE


def logged_main(folder: Path) -> int:
    """Do what `main` does in a process that was forked, or that runs several jobs: output goes to the cell's log."""
    try:
        clear_for_file(folder / LOG)
        log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        for number in (1, 2):
            os.dup2(log, number)
        os.close(log)
        return main(folder)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else PROBLEM
    except BaseException:
        traceback.print_exc()
        return PROBLEM
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def worker_variables(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a worker that this process starts: its own, and `extra` over it."""
    return {**_ALLOCATOR, **os.environ, **extra, PARENT_VARIABLE: str(os.getpid())}


def switch_compiling(protocol: Protocol) -> None:
    """Compile color kernels in this process, or not, as the protocol says.

    By default that depends on how long a process has run, and a resumed cell has to repeat an undisturbed one bit for bit.
    """
    os.environ["COLORBENCH_COMPILE"] = "1" if protocol.compile else "0"


def run_job(job: Job, should_stop: Callable[[], bool] = lambda: False, damaged: Record | None = None) -> None:
    """Train, rescore, retest, or record a failure. `damaged`: the record of a finished cell whose files are damaged."""
    switch_compiling(job.cell.protocol)
    import torch

    if job.threads:
        torch.set_num_threads(job.threads)
    from colorbench.plugins import load_plugins
    from colorbench.training.retest import rescore
    from colorbench.training.train import fail, train

    load_plugins(job.plugins)
    if job.fail:
        fail(job.cell, job.folder, *job.fail, source=job.source, metrics=job.metrics, device=job.device)
    elif job.rescore:
        rescore(job.cell, job.folder, source=job.source, metrics=job.metrics, device=job.device)
    elif job.retest:
        _retest(job, job.retest)
    elif damaged is None or not _made_again(job, damaged):
        train(
            job.cell,
            job.folder,
            source=job.source,
            metrics=job.metrics,
            device=job.device,
            timeout_seconds=job.timeout_seconds,
            checkpoint_seconds=job.checkpoint_seconds,
            should_stop=should_stop,
        )


def _retest(job: Job, retest: Retest) -> None:
    import torch

    from colorbench.training.retest import load_all_photos, retest_cell

    photos, data_hash, _ = load_all_photos(job.cell.protocol, job.source)
    if data_hash != job.cell.data_hash:
        raise ValueError("the photos have changed since the retest began: run it again under another --name")
    trained = Path(retest.trained)
    retest_cell(
        read_record(trained / RECORD),
        trained,
        job.cell,
        job.folder,
        photos,
        job.metrics,
        mean_ab=None if retest.mean_ab is None else torch.tensor(retest.mean_ab),
        device=job.device or "cpu",
        about=retest.about,
    )


def _made_again(job: Job, record: Record) -> bool:
    """Make the damaged predictions and scores of a finished cell again, without training.

    Returns whether they are bit for bit what the record says; otherwise the cell has to be trained again.
    """
    import torch

    from colorbench.data import load_protocol_photos
    from colorbench.training.checkpoint import load_generator
    from colorbench.training.evaluate import evaluate, model_predict, save_evaluation

    checkpoint = job.folder / CHECKPOINT
    if record.status != "done" or not checkpoint.is_file() or file_sha256(checkpoint) != record.files.get(CHECKPOINT):
        return False
    device = torch.device(job.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    test = load_protocol_photos(job.cell.protocol, job.source).test
    predict = model_predict(*load_generator(checkpoint, device))
    found = evaluate(predict, test, tuple(record.scores), batch=job.cell.protocol.eval_batch, device=device)
    made = save_evaluation(job.folder, found, test)
    return all(record.files.get(name) == sha256 for name, sha256 in made.items())


class _Stop:
    """True after SIGINT or SIGTERM, or when the process that started this one is gone: then the cell saves and ends.

    A second signal ends it at once; after `end_at_once` so does the first.
    """

    def __init__(self):
        self.asked, self.at_once = False, False
        self.parent = int(os.environ.get(PARENT_VARIABLE, os.getppid()))  # by its variable: it may be gone already
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # Slurm sends it to all of a job; its supervisor answers

    def _ask(self, number: int, frame: object) -> None:
        if self.asked or self.at_once:
            raise KeyboardInterrupt
        self.asked = True

    def end_at_once(self) -> None:
        self.at_once = True
        if self.asked:
            raise KeyboardInterrupt

    def __call__(self) -> bool:
        return self.asked or os.getppid() != self.parent


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
