"""The ray executor: one cell = one task of Ray Core, on any machine of a cluster that shares the output folder.

Ray places the tasks, pins GPUs (CUDA_VISIBLE_DEVICES) and retries a task whose worker or node died; a task runs one cell to
its end in a process of its own. All state is in the cells' folders, so workers, nodes and the head may die: when the head is
gone the run ends with a message, and the same command goes on once it is back.
"""

import contextlib
import importlib.util
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from colorbench.grid.executors import check_device
from colorbench.grid.remote import PROBLEM, RECORDED, UNSEEN, environment_elsewhere, write_ticket
from colorbench.grid.supervisor import OnEvent, Tracker, last_line, saved_step
from colorbench.grid.worker import Job

MEMORY_RETRIES = 2  # by Ray, after its monitor ended a task because the machine ran out of memory
PATIENCE_SECONDS = 15.0  # how long the cluster's head may be silent before it counts as gone
LEAST_WINDOW = 64  # tasks under way at least, so that a cluster that grows on demand has a reason to
_DRIVER = [sys.executable, "-m", "colorbench.grid.ray_driver"]
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


class RayExecutor:
    """Runs jobs as tasks of a Ray cluster.

    Args:
        environment: variables for the workers, beside our own COLORBENCH_ ones.
        device: `cuda` (a GPU per cell), `cpu`, or None: GPUs when the cluster has any.
        address: of the cluster; default RAY_ADDRESS, else a cluster of this machine, else a new one for this run.
        cpus: CPUs per cell; a cell on the CPU computes with as many threads.
    """

    def __init__(
        self,
        environment: dict[str, str] | None = None,
        *,
        device: str | None = None,
        address: str | None = None,
        cpus: int = 1,
    ):
        if importlib.util.find_spec("ray") is None:
            raise RuntimeError("the ray executor needs ray: pip install 'colorbench[ray]'")
        check_device(device, numbered=False)
        self.environment, self.device = environment_elsewhere(environment or {}), device
        self.address, self.cpus = address, cpus

    def execute(self, jobs: Sequence[Job], on_event: OnEvent = lambda event: None) -> list[str]:
        """Run all jobs; return the problems, one message each. KeyboardInterrupt ends the tasks; their workers save."""
        settings = {"address": self.address, "cpus": self.cpus, "patience_seconds": PATIENCE_SECONDS}
        with _Driver(settings | {"environment": self.environment}) as driver:
            tasks = _Tasks(self, driver, jobs, on_event)
            try:
                while tasks.are_left():
                    tasks.turn()
            except BaseException:
                tasks.tracker.tell_stop()
                raise
            finally:
                driver.close()
                tasks.tracker.wait_until_saved()
        return tasks.tracker.problems


class _Tasks:
    """The jobs of one call of `execute`: waiting here, or handed to the driver."""

    def __init__(self, executor: RayExecutor, driver: "_Driver", jobs: Sequence[Job], on_event: OnEvent):
        self.executor, self.driver = executor, driver
        self.waiting, self.tracker = deque(jobs), Tracker(on_event)
        self.saved_steps: dict[Path, int] = {}
        self.window, self.device = 0, "cpu"  # until the driver has said what the cluster has
        self.over = False

    def are_left(self) -> bool:
        return not self.over and bool(self.waiting or self.tracker.jobs)

    def turn(self) -> None:
        """Send jobs while there is room, and handle the driver's messages."""
        while self.waiting and len(self.tracker.jobs) < self.window:
            threads = self.executor.cpus if self.device == "cpu" else None
            self._send(replace(self.waiting.popleft(), device=self.device, threads=threads))
        for message in self.driver.messages():
            self._handle(message)
        self.tracker.look()

    def _send(self, job: Job) -> None:
        self.tracker.add(job)
        gpus = 0 if job.device == "cpu" else 1
        self.driver.send({"folder": str(job.folder), "ticket": write_ticket(job), "name": job.name, "gpus": gpus})

    def _handle(self, message: dict[str, Any]) -> None:
        if "cluster" in message:
            self._fit_to(**message["cluster"])
            return
        if "gone" in message:
            self._give_up(message["gone"])
            return
        folder, kind, text = Path(message["folder"]), message["kind"], message["text"]
        if kind == RECORDED:
            self.tracker.end(folder)
        elif kind == PROBLEM:
            self.tracker.end(folder, text)
        elif kind == UNSEEN:
            self._stop_sending(folder, text)
        elif kind == "memory":
            self._after_memory_ran_out(self.tracker.jobs[folder], text)
        else:
            name = self.tracker.jobs[folder].name
            self.tracker.end(folder, f"{name}: its ray task died repeatedly ({text}); the same command resumes it")

    def _fit_to(self, cpus: float | int, gpus: float | int) -> None:
        """Choose the device and how many tasks may be under way."""
        wanted = self.executor.device
        if wanted in (None, "auto"):
            self.device = "cuda" if gpus else "cpu"
        else:
            self.device = "cpu" if wanted == "cpu" else "cuda"
        places = int(gpus) if self.device == "cuda" else int(cpus // self.executor.cpus)
        if places == 0:
            need = "a GPU" if self.device == "cuda" else f"{self.executor.cpus} CPUs"
            self._give_up(f"it has {cpus:g} CPUs and {gpus:g} GPUs, and a cell needs {need}", "cannot run a cell")
        self.window = max(LEAST_WINDOW, 2 * places)

    def _after_memory_ran_out(self, job: Job, text: str) -> None:
        """Send a cell again that has got further; record the others as out of memory. Ray itself has tried again already."""
        saved, before = saved_step(job), self.saved_steps.get(job.folder, 0)
        self.saved_steps[job.folder] = saved
        if saved > before:
            self._send(job)
        elif job.trains:
            message = f"the machine ran out of memory and Ray ended the cell {MEMORY_RETRIES + 1} times: {text}"
            self._send(replace(job, fail=("out-of-memory", message)))
        else:
            self.tracker.end(job.folder, f"{job.name}: the machine ran out of memory ({text})")

    def _stop_sending(self, folder: Path, text: str) -> None:
        """Send no further jobs, which would fail on a node that cannot see the folder. Those on other nodes may end."""
        self.tracker.problems = [problem for problem in self.tracker.problems if problem != text]  # once is enough
        self.tracker.end(folder, text)
        self.waiting.clear()

    def _give_up(self, why: str, what: str = "is gone") -> None:
        if self.over:  # the end of the pipe after a last message
            return
        left = len(self.waiting) + len(self.tracker.jobs)
        self.tracker.problems.append(
            f"the ray cluster {what}: {why}. {left} cells are left; the same command resumes them"
        )
        self.over = True


class _Driver:
    """The driver process and the pipes to it."""

    def __init__(self, settings: dict[str, Any]):
        self.settings = settings
        self.inbox: queue.Queue[dict | None] = queue.Queue()

    def __enter__(self) -> "_Driver":
        self.folder = tempfile.TemporaryDirectory(prefix="colorbench-ray-")
        self.log = Path(self.folder.name) / "driver.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                _DRIVER,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | _QUIET | {"RAY_task_oom_retries": str(MEMORY_RETRIES)},
                start_new_session=True,  # Ctrl-C is for the run
            )
        threading.Thread(target=self._listen, daemon=True).start()
        self.send(self.settings)
        return self

    def __exit__(self, *error) -> None:
        self.close()
        self.folder.cleanup()

    def send(self, message: dict[str, Any]) -> None:
        if self.process.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):  # it is gone, which `messages` tells
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()

    def messages(self) -> list[dict[str, Any]]:
        """The driver's messages since the last call; waits up to a fifth of a second for one."""
        found = []
        with contextlib.suppress(queue.Empty):
            found.append(self.inbox.get(timeout=0.2))
            while True:
                found.append(self.inbox.get_nowait())
        return [message or {"gone": last_line(self.log)} for message in found]

    def close(self) -> None:
        """End the driver and with it its tasks; kill it when it takes too long."""
        pipes = [pipe for pipe in (self.process.stdin, self.process.stdout) if pipe is not None]
        if self.process.poll() is None:
            with contextlib.suppress(OSError):
                pipes[0].close()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pipe in pipes:
            with contextlib.suppress(OSError):
                pipe.close()

    def _listen(self) -> None:
        with contextlib.suppress(ValueError):  # closed
            for line in self.process.stdout or ():
                self.inbox.put(json.loads(line))
        self.inbox.put(None)
