"""The slurm executor: one cell = one job of an array, through submitit.

Slurm starts the jobs; each runs one cell to its end in a process of its own. Before the job's time is over, or when it is
preempted, the worker saves and submitit queues the job again, where it resumes. All state is in the cells' folders, so the
run may end: jobs go on without it, and the same command picks up what they have done.
"""

import importlib.util
import os
import re
import shutil
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from colorbench.errors import one_line
from colorbench.grid.executors import check_device
from colorbench.grid.remote import PROBLEM, RECORDED, UNSEEN, RemoteCell, environment_elsewhere, write_ticket
from colorbench.grid.state import state_in
from colorbench.grid.supervisor import OnEvent, Tracker
from colorbench.grid.worker import Job

PREFIX = "COLORBENCH_SLURM_"
LOGS_NAME = ".submitit"
ARRAY_SIZE = 1000  # Slurm's usual limit is 1001
_SHORT = {"time": "timeout_min", "gpus": "gpus_per_node", "cpus": "cpus_per_task", "mem": "slurm_mem"}
_SHARED = ("timeout_min", "mem_gb", "gpus_per_node", "cpus_per_task", "name", "stderr_to_stdout")
_OWN = ("parallel", "cluster")
_REFUSALS = (NameError, ValueError, TypeError, AssertionError)  # by submitit; NameError: a name it does not know
_POLL_SECONDS = 0.5


class CellJob(RemoteCell):
    """A RemoteCell as submitit wants it: `checkpoint` is called before the time is over and at preemption."""

    def checkpoint(self, *arguments):
        from submitit.helpers import DelayedSubmission

        self.stop()
        return DelayedSubmission(CellJob(self.folder, self.ticket, self.environment))


class SlurmExecutor:
    """Runs jobs through submitit.

    Args:
        logs: folder for submitit's files, seen by all nodes.
        environment: variables for the workers, beside our own COLORBENCH_ ones.
        device: `cpu`; anything else gives each cell a GPU.
        settings: see `read_settings`; `parallel` (default 100) jobs at a time; `cluster` (slurm, or local to try it here).
    """

    def __init__(
        self,
        logs: Path,
        environment: dict[str, str] | None = None,
        *,
        device: str | None = None,
        settings: Mapping[str, str] | None = None,
    ):
        if importlib.util.find_spec("submitit") is None:
            raise RuntimeError("the slurm executor needs submitit: pip install 'colorbench[slurm]'")
        check_device(device, numbered=False)
        found = {"cpus_per_task": 4, "timeout_min": 240, **read_settings(settings or {})}
        self.parallel, self.cluster = int(found.pop("parallel", 100)), str(found.pop("cluster", "slurm"))
        if self.parallel < 1:
            raise ValueError(f"parallel={self.parallel}: at least one job must run at a time")
        if self.cluster == "slurm" and not (shutil.which("srun") and shutil.which("sbatch")):
            raise ValueError("there is no slurm here (no srun, sbatch): run this on a login node of the cluster")
        self.device = "cpu" if device == "cpu" else None  # the worker takes the GPU that Slurm gave it
        found.setdefault("gpus_per_node", 0 if device == "cpu" else 1)
        self.parameters = {"name": "colorbench", "slurm_signal_delay_s": 120, **found}
        self.threads = int(found["cpus_per_task"]) if device == "cpu" else None
        self.logs, self.environment = Path(logs).resolve(), environment_elsewhere(environment or {})
        self.submitter = self._submitter()

    def execute(self, jobs: Sequence[Job], on_event: OnEvent = lambda event: None) -> list[str]:
        """Run all jobs; return the problems, one message each. KeyboardInterrupt cancels them; their workers save."""
        waiting, handles, tracker = deque(jobs), {}, Tracker(on_event)
        try:
            while waiting or handles:
                for job, handle in self._submit(waiting, len(handles)):
                    tracker.add(job)
                    handles[job.folder] = handle
                time.sleep(_POLL_SECONDS)
                for folder in [folder for folder, handle in handles.items() if handle.done()]:
                    if self._handle_end(folder, handles.pop(folder), tracker) == UNSEEN:
                        waiting.clear()
                tracker.look()
        except BaseException:
            for handle in handles.values():
                handle.cancel(check=False)
            tracker.tell_stop()
            tracker.wait_until_saved()
            raise
        return tracker.problems

    def _submitter(self):
        import submitit

        try:
            executor = submitit.AutoExecutor(folder=self.logs / "%j", cluster=self.cluster, slurm_max_num_timeout=100)
            executor.update_parameters(**self.parameters)
        except _REFUSALS as error:
            raise ValueError(f"submitit refuses these settings: {one_line(error)}") from None
        return executor

    def _submit(self, waiting: deque, under_way: int) -> list[tuple]:
        """Submit the next array once few jobs of the last one are left. Never more than `parallel` run."""
        room = self.parallel - under_way
        if not waiting or room < 1 or under_way > self.parallel // 4:
            return []
        most = ARRAY_SIZE if self.cluster == "slurm" else room
        jobs = [
            replace(waiting.popleft(), device=self.device, threads=self.threads) for _ in range(min(most, len(waiting)))
        ]
        cells = [CellJob(str(job.folder), write_ticket(job), self.environment) for job in jobs]
        self.submitter.update_parameters(slurm_array_parallelism=room)
        with self.submitter.batch():
            handles = [self.submitter.submit(cell) for cell in cells]
        return list(zip(jobs, handles))

    def _handle_end(self, folder: Path, handle: Any, tracker: Tracker) -> str:
        """Handle a job's end: its result, or the record that it left, or a problem. Returns the kind."""
        job = tracker.jobs[folder]
        try:
            kind, text = handle.result()
        except Exception as error:  # killed, canceled, out of memory, node lost; submitit has many kinds
            if job.trains and state_in(folder, job.cell).name == "done":
                kind, text = RECORDED, ""
            else:
                kind = PROBLEM
                reason = f"{handle.state} ({one_line(error)})"
                text = f"{job.name}: its job {handle.job_id} ended as {reason}; the same command resumes it"
        if kind == UNSEEN:
            text = f"job {handle.job_id} {text}: --out must be on a file system that all nodes share"
        tracker.end(folder, None if kind == RECORDED else text)
        return kind


def read_settings(given: Mapping[str, str], variables: Mapping[str, str] = os.environ) -> dict[str, str | int]:
    """Settings as submitit spells them, from COLORBENCH_SLURM_* variables and, over them, KEY=VALUE pairs.

    `time` (minutes, 4:00:00 or 1-12:00:00), `gpus`, `cpus`, `mem` and everything of Slurm that submitit knows: `partition`,
    `account`, `qos`, `constraint` ...; `parallel` and `cluster` are ours.

    >>> read_settings({"partition": "gpu", "time": "4:00:00", "cpus": "8"}, {})
    {'slurm_partition': 'gpu', 'timeout_min': 240, 'cpus_per_task': 8}

    Raises:
        ValueError: a value that is not a number where one is wanted.
    """
    ours = {key.removeprefix(PREFIX).lower(): value for key, value in variables.items() if key.startswith(PREFIX)}
    found: dict[str, str | int] = {}
    for key, value in {**ours, **given}.items():
        name = _SHORT.get(key, key)
        if name not in _SHARED + _OWN and not name.startswith("slurm_"):
            name = f"slurm_{name}"
        found[name] = minutes(value) if name == "timeout_min" else int(value) if value.isdigit() else value
    for name in ("gpus_per_node", "cpus_per_task", "parallel"):
        if not isinstance(found.get(name, 1), int):
            raise ValueError(f"{name} must be a whole number, not {found[name]!r}")
    return found


def minutes(text: str) -> int:
    """Slurm's ways to write a time, in minutes.

    >>> minutes("90"), minutes("4:00:00"), minutes("1-12:00:00")
    (90, 240, 2160)
    """
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", text.strip())
    if not match:
        raise ValueError(f"time {text!r} is not a time; write minutes, 4:00:00 or 1-12:00:00")
    days, first, second, third = (int(part or 0) for part in match.groups())
    if third or match[4] is not None or days:
        return max(1, days * 1440 + first * 60 + second)
    return max(1, first)  # minutes, or minutes:seconds
