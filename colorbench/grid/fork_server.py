"""Workers forked from one process that has imported everything: a cell starts at once instead of after seconds of imports.

For cells on the CPU with one thread each, on Linux: the server imports and computes nothing, so no thread is lost in a fork.
It reads one line of JSON per worker to start, and answers with a line when one has started and when one has ended. When its
input closes, because the harness ended or was killed, it ends too; its workers notice, save and stop.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

from colorbench.grid.worker import PARENT_VARIABLE, Job, logged_main, worker_variables

_PRELOADED = (
    "colorbench.training.train",
    "colorbench.training.retest",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "torch._dynamo",  # the first optimizer of a process imports it, which takes seconds
)
_ONE_THREAD: dict[str, str] = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
_POLL_SECONDS = 0.02


def can_fork() -> bool:
    """Whether workers may be forked here. On other systems a fork without exec is unsafe or missing."""
    return sys.platform == "linux"


class ForkServer:
    """Starts workers as `start_worker` does: `server(job, environment)`.

    A context manager: the server starts to import on entering, while the caller does other things, and ends on leaving.
    """

    def __init__(self):
        self.process: subprocess.Popen | None = None
        self._lines = b""
        self._ended: dict[int, int] = {}
        self._has_forked = False

    def __enter__(self) -> "ForkServer":
        self._start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.process is not None:
            if not self._has_forked:  # it may still be importing
                self.process.kill()
            self.process.communicate()  # closes its input, which ends it
            self.process = None

    def __call__(self, job: Job, environment: Mapping[str, str]) -> "ForkedWorker":
        request = json.dumps({"folder": str(job.folder), "environment": dict(environment)}).encode() + b"\n"
        for _ in range(2):  # a server that was killed is replaced by a new one
            process = self._start()
            self._has_forked = True
            if (pid := self._ask(process, request)) is not None:
                return ForkedWorker(self, process, pid)
            process.kill()
            self.__exit__()
        raise OSError("the process that starts workers has ended twice; run the same command again")

    def _start(self) -> subprocess.Popen:
        if self.process is None or self.process.poll() is not None:
            self.__exit__()
            self.process = start_server(__name__, _ONE_THREAD)
            self._lines, self._ended, self._has_forked = b"", {}, False
        return self.process

    def _ask(self, process: subprocess.Popen, request: bytes) -> int | None:
        """The worker that the server has started; None when the server has ended."""
        assert process.stdin is not None
        try:
            process.stdin.write(request)
            process.stdin.flush()
        except BrokenPipeError:
            return None
        while (line := self._read(wait=True)) is not None:
            if line[0] == "started":
                return int(line[1])
        return None

    def status(self, process: subprocess.Popen, pid: int) -> int | None:
        """Exit status of a worker, or minus its signal; None while it runs. A worker whose server died ends with it."""
        if process is not self.process:
            return -signal.SIGTERM
        while pid not in self._ended and self._read(wait=False):
            pass
        if pid not in self._ended and process.poll() is not None:
            return -signal.SIGTERM
        return self._ended.get(pid)

    def _read(self, wait: bool) -> list[str] | None:
        """The words of the server's next line; None when there is none yet, or the server has ended. Notes workers' ends."""
        assert self.process is not None
        assert self.process.stdout is not None
        replies = self.process.stdout.fileno()
        while b"\n" not in self._lines:
            if not wait and not select.select([replies], [], [], 0)[0]:
                return None
            if not (chunk := os.read(replies, 4096)):
                return None
            self._lines += chunk
        line, self._lines = self._lines.split(b"\n", 1)
        words = line.decode().split()
        if words[0] == "ended":
            self._ended[int(words[1])] = int(words[2])
        return words


class PolledWorker:
    """A worker whose end is found by polling, with the `wait` of a `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None:
        """Exit status, or minus its signal; None while it runs."""
        raise NotImplementedError

    def wait(self, timeout: float | int | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"worker {self.pid}", timeout or 0.0)
            time.sleep(_POLL_SECONDS)
        return status


class ForkedWorker(PolledWorker):
    """A worker of a fork server, with what a supervisor asks of a `subprocess.Popen`."""

    def __init__(self, server: ForkServer, process: subprocess.Popen, pid: int):
        self._server, self.process, self.pid = server, process, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._server.status(self.process, self.pid)
        return self.returncode

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended, which has not been read yet
                os.kill(self.pid, number)


def start_server(module: str, environment: Mapping[str, str]) -> subprocess.Popen:
    """Start a process that runs a module's `serve`, with pipes to it and these variables over ours."""
    return subprocess.Popen(
        [sys.executable, "-c", f"from {module} import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=worker_variables(environment),
        start_new_session=True,  # Ctrl-C reaches the harness alone
    )


def serve() -> None:
    """Fork a worker for every line of standard input until it closes."""
    for name in _PRELOADED:
        import_module(name)
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints is no reply
    server = os.getpid()
    woken, wake = os.pipe2(os.O_NONBLOCK)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    while True:
        ready, _, _ = select.select([requests, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell_ends(replies)
        if requests in ready:
            if not (line := requests.readline()):
                return
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os._exit(_work(server, **json.loads(line)))
            replies.write(f"started {pid}\n".encode())


def _tell_ends(replies: BinaryIO) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        replies.write(f"ended {pid} {os.waitstatus_to_exitcode(status)}\n".encode())


def _work(server: int, folder: str, environment: dict[str, str]) -> int:
    """The worker, in its process."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(environment, **{PARENT_VARIABLE: str(server)})
    return logged_main(Path(folder))
