"""Executors run the cells of a grid: the local one, with a process per cell and a cell per device, and all by name."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from colorbench.cell import Protocol as CellProtocol
from colorbench.errors import WrongUsage, did_you_mean, unknown_name
from colorbench.grid.fork_server import ForkServer, can_fork
from colorbench.grid.supervisor import OnEvent, Supervisor, start_worker
from colorbench.grid.warm_workers import WarmWorkers
from colorbench.grid.worker import Job
from colorbench.machine import cores
from colorbench.suites.step_table import StepTable

EXECUTORS = ("local", "ray", "slurm")
SMALL_PX, MOST_ON_CPU, MOST_ON_GPU = 64, 8, 4
_CONTEXT_BYTES = 600 * 2**20  # what CUDA itself takes of a GPU for each process
_RAY_SETTINGS = ("address", "cpus")


@runtime_checkable
class Executor(Protocol):
    """Runs jobs: `execute(jobs, on_event) -> problems`."""

    def execute(self, jobs: Sequence[Job], on_event: OnEvent = ...) -> list[str]: ...


class LocalExecutor:
    """Runs jobs in processes of this machine.

    Args:
        devices: one slot each: ["cuda:0", "cuda:1"], or ["cpu"] * n for n cells side by side; a GPU may come twice too.
        environment: variables for the workers, over those of this process.
        spawn: starts the worker of a job; a simulation gives its own. By default a process that stays for further cells
            on a GPU, a fork of one that has imported everything on the CPU where that is safe, else a new process.
    """

    def __init__(
        self,
        devices: Sequence[str],
        environment: Mapping[str, str] | None = None,
        spawn: Callable[[Job, Mapping[str, str]], Any] | None = None,
    ):
        if not devices:
            raise ValueError("a local executor needs at least one device, such as ['cpu']")
        self.devices, self.environment, self.spawn = list(devices), environment, spawn
        asked = os.environ.get("OMP_NUM_THREADS", "")
        share = int(asked) if asked.isdigit() else cores() // len(devices)
        self.threads = max(1, share)

    def execute(self, jobs: Sequence[Job], on_event: OnEvent = lambda event: None) -> list[str]:
        """Run all jobs; return the problems, one message each. KeyboardInterrupt stops workers, which save and can resume."""
        with self._starter() as spawn:
            supervisor = Supervisor(
                self.devices, self.environment, threads=self.threads, on_event=on_event, spawn=spawn
            )
            return supervisor.run(jobs)

    def _starter(self) -> AbstractContextManager[Callable[[Job, Mapping[str, str]], Any]]:
        """The fastest way to start workers on these devices."""
        if self.spawn is not None:
            return nullcontext(self.spawn)
        if "cpu" not in self.devices:
            return WarmWorkers()
        return ForkServer() if self.forks else nullcontext(start_worker)

    @property
    def forks(self) -> bool:
        """Whether its workers are forked from one process that has imported everything."""
        return "cpu" in self.devices and can_fork() and self.threads == 1


@contextmanager
def prepared(executor: Executor) -> Iterator[None]:
    """Start the server that forks a local executor's workers, so that it imports while the caller does other things."""
    if not isinstance(executor, LocalExecutor) or executor.spawn is not None or not executor.forks:
        yield
        return
    with ForkServer() as executor.spawn:
        try:
            yield
        finally:
            executor.spawn = None


def side_by_side(protocol: CellProtocol, device: str, table: StepTable | None = None, photo_bytes: int = 0) -> int:
    """Cells at a time on one device, by default.

    Args:
        photo_bytes: of the photos to train on, which every process keeps on its GPU if they take half of it at most.

    CPU: networks on small pictures gain nothing from a second thread, so each cell gets a core; larger ones run alone. GPU:
    small networks leave much of it idle, and one cell's set-up and scores fit beside another's training; as many as fit
    into 80 % of its memory with what the table says of them and the photos. One alone where the clock ends the training,
    which must be its own, and where no table says what a cell needs.
    """
    if device == "cpu":
        return min(MOST_ON_CPU, cores()) if protocol.size_px <= SMALL_PX else 1
    peak = max((row.peak_bytes or 0 for row in table.rows), default=0) if table else 0
    if protocol.budget.kind == "seconds" or not peak:
        return 1
    import torch

    from colorbench.data.loader import RESIDENT_SHARE

    memory = torch.cuda.get_device_properties(torch.device(device)).total_memory
    resident = photo_bytes if photo_bytes <= RESIDENT_SHARE * memory else 0
    return max(1, min(MOST_ON_GPU, cores() // 2, int(0.8 * memory / (peak + resident + _CONTEXT_BYTES))))


def find_devices(device: str | None = None, jobs: int = 1) -> list[str]:
    """Slots of this machine: every GPU, or the CPU, `jobs` times; `device` names one instead."""
    import torch

    check_device(device)
    if device and device.startswith("cuda") and not torch.cuda.is_available():
        raise WrongUsage(f"device {device!r}: torch finds no GPU here; use --device cpu")
    if device and device.startswith("cuda:"):
        if int(device.removeprefix("cuda:")) >= (count := torch.cuda.device_count()):
            raise WrongUsage(f"device {device!r}: this machine has {count} GPUs, cuda:0 to cuda:{count - 1}")
        return [device] * jobs
    if device != "cpu" and torch.cuda.is_available():
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())] * jobs
    return ["cpu"] * jobs


def check_device(device: str | None, numbered: bool = True) -> None:
    """Raise WrongUsage for an unknown device, or a numbered one where an engine hands out the GPUs."""
    if device is None or device in ("auto", "cuda", "cpu"):
        return
    if not re.fullmatch(r"cuda:[0-9]+", device):
        hint = "; did you mean 'cuda'?" if device.lower() in ("gpu", "gpus", "nvidia") else ""
        raise WrongUsage(f"unknown device {device!r}; known devices: auto, cpu, cuda, cuda:0, cuda:1 ...{hint}")
    if not numbered:
        raise WrongUsage(f"device {device!r}: ray and slurm hand out the GPUs themselves; use --device cuda")


def make_executor(
    name: str,
    *,
    device: str | None = None,
    jobs: int = 1,
    environment: dict[str, str] | None = None,
    out: Path | str = "runs",
    settings: Sequence[str] = (),
) -> Executor:
    """The executor of this name.

    Args:
        name: local, ray or slurm.
        device: auto, cpu, cuda or cuda:N.
        jobs: cells side by side on each device of this machine (local).
        environment: variables for the workers.
        out: the output folder.
        settings: KEY=VALUE each; ray: address, cpus; slurm: partition, time, gpus, cpus, mem, parallel ...

    Raises:
        KeyError: an unknown executor or setting.
        ValueError: a setting that is not KEY=VALUE, or that the executor cannot use.
        RuntimeError: its package is not installed; the message says how to install it.
    """
    if name not in EXECUTORS:
        raise unknown_name("executor", name, EXECUTORS)
    pairs = _pairs(settings)
    if name == "ray":
        return _on_ray(device, environment, pairs)
    if name == "slurm":
        from colorbench.grid.on_slurm import LOGS_NAME, SlurmExecutor

        return SlurmExecutor(Path(out) / LOGS_NAME, environment, device=device, settings=pairs)
    if pairs:
        raise KeyError(f"the local executor has no settings, and {', '.join(pairs)} was set; see --jobs and --device")
    return LocalExecutor(find_devices(device, jobs), environment)


def _on_ray(device: str | None, environment: dict[str, str] | None, pairs: dict[str, str]) -> Executor:
    from colorbench.grid.on_ray import RayExecutor

    if unknown := sorted(set(pairs) - set(_RAY_SETTINGS)):
        raise KeyError(
            f"the ray executor has no setting {', '.join(unknown)}; its settings: {', '.join(_RAY_SETTINGS)}"
            f"{did_you_mean(unknown[0], _RAY_SETTINGS)}"
        )
    cpus = _whole_number("cpus", pairs.get("cpus", "1"))
    return RayExecutor(environment, device=device, address=pairs.get("address"), cpus=cpus)


def _pairs(settings: Sequence[str]) -> dict[str, str]:
    """
    >>> _pairs(["partition=gpu", "time=4:00:00"])
    {'partition': 'gpu', 'time': '4:00:00'}
    """
    pairs = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not (key and equals and value):
            raise WrongUsage(f"--set {setting!r} is not KEY=VALUE; write for instance --set partition=gpu")
        pairs[key.strip()] = value.strip()
    return pairs


def _whole_number(key: str, text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise WrongUsage(f"{key}={text} must be a whole number above 0")
    return int(text)
