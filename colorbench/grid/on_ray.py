"""The ray executor: one cell = one task of Ray Core, on any machine of a cluster that shares the output folder.

Ray places the tasks and pins GPUs (CUDA_VISIBLE_DEVICES); a task sees one cell through in a process of its own. All state is
in the cells' folders, so workers, nodes and the head may die: a worker's cell is sent again, and when the head is gone the
run ends with a sentence and the same command goes on once it is back.
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

from colorbench.grid.attempts import last_line, travelling_environment
from colorbench.grid.job import Job
from colorbench.grid.local import OnEvent, check_device
from colorbench.grid.supervise import PROBLEM, RECORDED, UNSEEN, write_ticket
from colorbench.grid.watched import Watched

MOST_DEATHS = 5
LEAST_WINDOW = 64  # tasks under way at least, so that a cluster that grows on demand has a reason to
_DRIVER = [sys.executable, "-m", "colorbench.grid.ray_driver"]
_OUT_OF_MEMORY = "the machine ran out of memory and Ray ended the cell {} times: {}"


class RayExecutor:
    """Runs jobs as tasks of a Ray cluster.

    Args:
        environment: variables for the workers, beside our own COLORBENCH_ ones.
        device: `cuda` (a GPU a cell), `cpu`, or None: GPUs when the cluster has any.
        address: of the cluster; default RAY_ADDRESS, else a cluster of this machine, else a new one for this run.
        cpus: a cell's CPUs; a cell on the CPU computes with as many threads.
        window: most tasks under way; default twice what the cluster runs at a time.
        patience_seconds: how long the cluster's head may be silent before it counts as gone.
    """

    def __init__(
        self,
        environment: dict[str, str] | None = None,
        *,
        device: str | None = None,
        address: str | None = None,
        cpus: int = 1,
        window: int | None = None,
        patience_seconds: float | int = 15.0,
    ):
        if importlib.util.find_spec("ray") is None:
            raise RuntimeError("the ray executor needs ray: pip install 'colorbench[ray]'")
        check_device(device, numbered=False)
        self.environment, self.device, self.address = travelling_environment(environment or {}), device, address
        self.cpus, self.window, self.patience_seconds = cpus, window, patience_seconds

    def execute(self, jobs: Sequence[Job], on_event: OnEvent = lambda event: None) -> list[str]:
        """Run all jobs; returns the problems, one sentence each. KeyboardInterrupt ends the tasks; their workers save."""
        settings = {"address": self.address, "cpus": self.cpus, "patience_seconds": self.patience_seconds}
        with _Talk(settings | {"environment": self.environment}) as talk:
            shift = _Shift(self, talk, jobs, on_event)
            try:
                while shift.goes_on():
                    shift.turn()
            finally:
                talk.close()
                shift.watched.wait_until_saved()
        return shift.watched.problems


class _Shift:
    """One call of `execute`."""

    def __init__(self, executor: RayExecutor, talk: "_Talk", jobs: Sequence[Job], on_event: OnEvent):
        self.executor, self.talk = executor, talk
        self.waiting, self.watched = deque(jobs), Watched(on_event)
        self.deaths: dict[str, int] = {}
        self.window, self.device = 0, "cpu"  # until the cluster has said what it has
        self.over = False

    def goes_on(self) -> bool:
        return not self.over and bool(self.waiting or self.watched.jobs)

    def turn(self) -> None:
        while self.waiting and len(self.watched.jobs) < self.window:
            self._send(self.waiting.popleft())
        for word in self.talk.heard():
            self._take(word)
        self.watched.look()

    def _send(self, job: Job) -> None:
        threads = self.executor.cpus if self.device == "cpu" else None
        job = replace(job, device=self.device, threads=threads)
        self.watched.add(job)
        self._order(job)

    def _order(self, job: Job) -> None:
        gpus = 0 if job.device == "cpu" else 1
        self.talk.say({"folder": str(job.folder), "ticket": write_ticket(job), "name": job.name, "gpus": gpus})

    def _take(self, word: dict) -> None:
        if "hello" in word:
            self._size_up(**word["hello"])
        elif "gone" in word:
            self._lose(word["gone"])
        elif word["kind"] == RECORDED:
            self.watched.end(word["folder"])
        elif word["kind"] == PROBLEM:
            self.watched.end(word["folder"], word["text"])
        elif word["kind"] == UNSEEN:
            self._stop_sending(word["folder"], word["text"])
        else:
            self._repeat(word["folder"], word["kind"], word["text"])

    def _size_up(self, cpus: float | int, gpus: float | int) -> None:
        wanted = self.executor.device
        if wanted in (None, "auto"):
            self.device = "cuda" if gpus else "cpu"
        else:
            self.device = "cpu" if wanted == "cpu" else "cuda"
        places = int(gpus) if self.device == "cuda" else int(cpus // self.executor.cpus)
        if places == 0:
            wanted = "a GPU" if self.device == "cuda" else f"{self.executor.cpus} CPUs"
            self._lose(f"it has {cpus:g} CPUs and {gpus:g} GPUs, and a cell wants {wanted}", "is of no use")
        self.window = self.executor.window or max(LEAST_WINDOW, 2 * places)

    def _repeat(self, folder: str, kind: str, text: str) -> None:
        """The ray worker or its node died: send the cell again, a few times."""
        job = self.watched.jobs[folder]
        self.deaths[folder] = deaths = self.deaths.get(folder, 0) + 1
        if deaths < MOST_DEATHS and not (kind == "memory" and deaths >= 3):
            self._again(job)
        elif kind == "memory" and job.fail is None:
            self._again(replace(job, fail=("out-of-memory", _OUT_OF_MEMORY.format(deaths, text))))
        else:
            self.watched.end(folder, f"{job.name}: ray's worker died {deaths} times ({text}); resumable")

    def _again(self, job: Job) -> None:
        self.watched.jobs[str(job.folder)] = job
        self._order(job)

    def _stop_sending(self, folder: str, text: str) -> None:
        """A node cannot see the folder: its cells would fail one after the other. What runs elsewhere may end."""
        self.watched.problems = [problem for problem in self.watched.problems if problem != text]  # once is enough
        self.watched.end(folder, text)
        self.waiting.clear()

    def _lose(self, why: str, what: str = "is gone") -> None:
        if self.over:  # its last word was heard, then the end of its pipe
            return
        left = len(self.waiting) + len(self.watched.jobs)
        self.watched.problems.append(f"the ray cluster {what}: {why}. {left} cells are left and resumable")
        self.over = True


class _Talk:
    """The driver process and the pipes to it."""

    def __init__(self, settings: dict):
        self.settings = settings
        self.words: queue.Queue[dict | None] = queue.Queue()

    def __enter__(self) -> "_Talk":
        self.folder = tempfile.TemporaryDirectory(prefix="colorbench-ray-")
        self.log = Path(self.folder.name) / "driver.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                _DRIVER,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"},
                start_new_session=True,  # Ctrl-C is for the harness
            )
        threading.Thread(target=self._listen, daemon=True).start()
        self.say(self.settings)
        return self

    def __exit__(self, *error) -> None:
        self.close()
        self.folder.cleanup()

    def say(self, word: dict) -> None:
        with contextlib.suppress(BrokenPipeError):  # it is gone, which `heard` tells
            self.process.stdin.write(json.dumps(word) + "\n")
            self.process.stdin.flush()

    def heard(self) -> list[dict]:
        """What the driver has said since; waits up to a fifth of a second for the first word."""
        words = []
        with contextlib.suppress(queue.Empty):
            words.append(self.words.get(timeout=0.2))
            while True:
                words.append(self.words.get_nowait())
        return [word or {"gone": last_line(self.log)} for word in words]

    def close(self) -> None:
        """End the driver, and with it its tasks; a few seconds of patience."""
        if self.process.poll() is None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    def _listen(self) -> None:
        with contextlib.suppress(ValueError):  # closed
            for line in self.process.stdout:
                self.words.put(json.loads(line))
        self.words.put(None)
