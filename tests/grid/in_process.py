"""An executor without processes, for tests whose subject is not the processes: most of a worker's time goes to imports."""

import pytest
import torch

from colorbench.errors import one_line
from colorbench.grid.supervisor import Event
from colorbench.grid.worker import read_job, run_job
from colorbench.record import Record


def what_counts(record: Record) -> dict:
    """What must be the same bit for bit however a cell was run."""
    return record.model_dump(exclude={"cost", "attempts"})


class InProcess:
    """Runs jobs here, each through its file as everywhere, with as many threads as a worker of the tests has: one."""

    def execute(self, jobs, on_event=lambda event: None) -> list[str]:
        problems, threads = [], torch.get_num_threads()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLORBENCH_COMPILE", "0")
            torch.set_num_threads(1)
            for job in jobs:
                on_event(Event("start", job))
                job.write()
                try:
                    run_job(read_job(job.folder))
                    on_event(Event("end", job, 1.0))
                except (OSError, ValueError, KeyError) as error:
                    problems.append(f"{job.name}: {one_line(error)}")
                    on_event(Event("problem", job, 0.0, problems[-1]))
            torch.set_num_threads(threads)
        return problems
