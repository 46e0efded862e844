"""The worker: `python -m colorbench.grid.worker FOLDER` runs the job in that folder, whatever engine started it.

Exit status: 0 a record is written; 75 another process has the cell; 130 stopped and resumable; 1 not the recipe's fault
(no photos, no disk), the last line of standard error says what, and the cell stays resumable.
"""

import os
import signal
import sys
from pathlib import Path

from colorbench.grid.job import Job, read_job
from colorbench.grid.state import Busy, hold, state_in

DONE, PROBLEM, BUSY, STOPPED = 0, 1, 75, 130
PARENT_VARIABLE = "COLORBENCH_PARENT"


def main(folder: Path, follow_parent: bool = True) -> int:
    """Run the job; returns the exit status.

    Args:
        folder: of the cell.
        follow_parent: stop (with a checkpoint) when the process that started this one is gone.
    """
    stop = _Stop(follow_parent)
    job = read_job(folder)
    try:
        with hold(folder):
            finished = state_in(folder, job.cell).name == "done"  # by another process, in the meantime
            if job.rescore or not finished:
                run_job(job, stop)
    except Busy as error:
        print(error, file=sys.stderr)
        return BUSY
    except KeyboardInterrupt:
        return STOPPED
    except (OSError, ValueError, KeyError) as error:
        print(_sentence(error), file=sys.stderr)
        return PROBLEM
    return DONE


def run_job(job: Job, should_stop=lambda: False) -> None:
    """Train, rescore, or record a failure."""
    # The switch must not depend on how long a process has run: a resumed cell repeats an undisturbed one bit for bit.
    os.environ["COLORBENCH_COMPILE"] = "1" if job.cell.protocol.compile else "0"
    import torch

    if job.threads:
        torch.set_num_threads(job.threads)
    from colorbench.plugins import load_plugins
    from colorbench.training.retest import rescore
    from colorbench.training.train import fail, train

    load_plugins(job.plugins)
    if job.fail:
        fail(job.cell, job.folder, *job.fail, source=job.source, metrics=job.metrics)
    elif job.rescore:
        rescore(job.cell, job.folder, source=job.source, metrics=job.metrics, device=job.device)
    else:
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


class _Stop:
    """True after SIGINT or SIGTERM, or when the parent is gone. A second signal ends at once."""

    def __init__(self, follow_parent: bool):
        self.asked, self.parent = False, None
        if follow_parent:  # the parent may be gone already
            self.parent = int(os.environ.get(PARENT_VARIABLE, os.getppid()))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # Slurm sends it to all of a job; its supervisor answers

    def _ask(self, number: int, frame) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __call__(self) -> bool:
        return self.asked or (self.parent is not None and os.getppid() != self.parent)


def _sentence(error: BaseException) -> str:
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return f"{type(error).__name__}: {text}" if isinstance(error, OSError) else str(text)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
