"""The device: its clock (seconds and joules), its memory and what to do when that runs out, what NVML says of it, and what a
record says of it and of this process, without names of machines and without paths.

On the clock: data, forward, backward, optimizer, critics; on a CPU also compilation. Off it: set-up (on a GPU with
compiling and capturing the step), evaluation, checkpoints. What is unknown (no GPU, no NVML library, no driver, no
permission) is None, never 0 or "no".
"""

import gc
import os
import platform
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import torch

import colorbench
from colorbench.machine import cpu_name
from colorbench.record import Environment
from colorbench.tensors import Float32, is_out_of_memory
from colorbench.training.run_log import Costs

Result = TypeVar("Result")
# nvml.h: hardware slowdown, software thermal, hardware thermal, power brake. Not the software power cap: its own power
# limit is a normal state of a card.
SLOWED = 0x08 | 0x20 | 0x40 | 0x80
_WATCH_SECONDS = 5.0


class Clock:
    """Device seconds and joules, added up over blocks and attempts. Waits for the device where it starts, stops and is read.

    Args:
        device: what to wait for.
        seconds: what earlier attempts have used.
        joules: the same; None when unknown, and then the sum is unknown too.
    """

    def __init__(self, device: torch.device, seconds: float = 0.0, joules: float | None = None):
        self.device, self.seconds, self.meter = device, seconds, EnergyMeter(device)
        self.joules = 0.0 if joules is None and not seconds else joules
        if self.meter.read() is None:
            self.joules = None
        self._started: float | None = None
        self._energy: float | None = None

    def start(self) -> None:
        self._wait()
        self._energy, self._started = self.meter.read(), time.perf_counter()

    def stop(self, *, wait: bool = True) -> None:
        """Stop the clock, if it runs. `wait=False` after an error: waiting for a broken device raises again."""
        if self._started is None:
            return
        if wait:
            self._wait()
        self.seconds += time.perf_counter() - self._started
        now, before = self.meter.read(), self._energy
        if self.joules is None or now is None or before is None:
            self.joules = None
        else:
            self.joules += now - before
        self._started = None

    def read(self) -> float:
        """Seconds so far."""
        if self._started is None:
            return self.seconds
        self._wait()
        return self.seconds + time.perf_counter() - self._started

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


class EnergyMeter:
    """The energy that one GPU has used since its driver was loaded, by NVML's counter."""

    def __init__(self, device: torch.device):
        self.handle = nvml_handle(device)

    def read(self) -> float | None:
        """Joules; None for a card without the counter."""
        if self.handle is None:
            return None
        try:
            import pynvml

            return pynvml.nvmlDeviceGetTotalEnergyConsumption(self.handle) / 1000
        except Exception:
            return None


class Watch:
    """Whether other processes computed on the GPU, and whether it slowed itself down: the worst of all looks."""

    def __init__(self, device: torch.device, exclusive: bool | None = None, throttled: bool | None = None):
        self.handle, self.exclusive, self.throttled = nvml_handle(device), exclusive, throttled
        self._looked = float("-inf")

    def look(self, every_seconds: float = 0.0) -> None:
        """Look now, unless the last look was less than `every_seconds` ago."""
        if self.handle is None or time.monotonic() - self._looked < every_seconds:
            return
        self._looked = time.monotonic()
        self.exclusive = _worst(self.exclusive, is_exclusive(self.handle), bad=False)
        self.throttled = _worst(self.throttled, is_throttled(self.handle), bad=True)

    def look_now_and_then(self) -> None:
        self.look(_WATCH_SECONDS)


def _worst(before: bool | None, now: bool | None, *, bad: bool) -> bool | None:
    known = [seen for seen in (before, now) if seen is not None]
    return None if not known else bad if bad in known else not bad


def nvml_handle(device: torch.device) -> Any | None:
    """NVML's handle of this device."""
    if device.type != "cuda":
        return None
    try:
        import pynvml

        pynvml.nvmlInit()
        uuid = str(torch.cuda.get_device_properties(device).uuid)
        return pynvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
    except Exception:
        return None


def is_exclusive(handle: Any) -> bool | None:
    """Whether no other process computes on the device.

    In a container the process ids may be the host's; then a single process is taken for this one. None where NVML lists no
    process at all, not even this one.
    """
    try:
        import pynvml

        pids = {process.pid for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)}
    except Exception:
        return None
    return (len(pids - {os.getpid()}) == 0 or len(pids) == 1) if pids else None


def is_throttled(handle: Any) -> bool | None:
    """Whether heat, a power brake or the hardware's own protection holds the clocks down now."""
    try:
        import pynvml

        return bool(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle) & SLOWED)
    except Exception:
        return None


def with_smaller_batches(attempt: Callable[[], Result], costs: Costs, most: int, *, device: torch.device) -> Result:
    """Call `attempt`; while a step does not fit in memory, make room and call it again.

    On a GPU the photos go first (`costs.streamed`); then `costs.micro_batch`, at first `most`, is halved each time.

    Raises:
        torch.OutOfMemoryError: one photo at a time does not fit either.
    """
    peak_bytes = costs.peak_bytes
    while True:
        try:
            return attempt()
        except Exception as error:
            size = min(costs.micro_batch or most, most)
            can_stream = device.type == "cuda" and not costs.streamed
            if not is_out_of_memory(error) or (size == 1 and not can_stream):
                raise
            if can_stream:
                costs.streamed = True
            else:
                costs.micro_batch = size // 2
            costs.peak_bytes = peak_bytes  # an attempt that did not fit has no peak
        free_memory()  # outside the handler, so that the traceback's tensors are gone


def free_memory() -> None:
    """Give back what no variable holds any more."""
    gc.collect()
    if torch.cuda.is_initialized():
        with suppress(RuntimeError):  # a device that is broken for this process
            torch.cuda.empty_cache()


def reset_peak(device: torch.device) -> None:
    """Forget the peak memory of what ran on a GPU before."""
    if device.type == "cuda":
        torch.cuda.init()
        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: torch.device) -> int | None:
    """Peak memory: of the allocator on a GPU, since `reset_peak`; of the whole process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    except ImportError:  # no such module on Windows
        return None


def describe_environment(device: torch.device, float32: Float32 | None = None) -> Environment:
    """Facts about this process and its device, and how that computes float32."""
    cuda = device.type == "cuda"
    commit, dirty = _git()
    return Environment(
        colorbench=colorbench.__version__,
        python=platform.python_version(),
        torch=torch.__version__,
        cuda=torch.version.cuda if cuda else None,
        driver=_driver() if cuda else None,
        gpu=torch.cuda.get_device_name(device) if cuda else None,
        cpu=cpu_name(),
        threads=torch.get_num_threads(),
        float32=float32 if cuda else None,
        platform=f"{platform.system()} {platform.machine()}",
        git_commit=commit,
        git_dirty=dirty,
        deterministic=torch.are_deterministic_algorithms_enabled() or not cuda,
    )


def _driver() -> str | None:
    try:
        import pynvml

        pynvml.nvmlInit()
        return pynvml.nvmlSystemGetDriverVersion()
    except Exception:  # optional package, optional driver
        return None


def _git() -> tuple[str | None, bool | None]:
    """Commit and dirtiness of the checkout this package runs from; None when it is installed."""
    root = Path(colorbench.__file__).parent.parent
    if not (root / ".git").exists():
        return None, None
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, timeout=5)
        status = subprocess.run(["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None, None
    return (commit.stdout.strip() or None, bool(status.stdout.strip())) if commit.returncode == 0 else (None, None)
