"""The Ray driver, a process of its own: `python -m colorbench.grid.ray_driver`, with one JSON message per line.

Ray ends a driver's process a minute after the head of its cluster has died, without a chance to report. So the run itself
never imports ray: it talks to this process through pipes, and outlives it.

In:  the settings of `RayExecutor.execute`, then {"folder", "ticket", "name", "gpus"} per job; end of file ends it.
Out: {"cluster": {"cpus", "gpus"}}, again when the cluster has grown; {"folder", "kind", "text"} per finished job, where kind
     is recorded, problem, unseen, memory or died; {"gone": why} when the cluster does not answer any more.
"""

import json
import logging
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from colorbench.errors import one_line

MOST_RETRIES = 4  # by Ray, of a task whose worker or node died
_GROWTH_SECONDS = 10.0


def run_cell(folder: str, ticket: str, environment: dict[str, str]) -> tuple[str, str]:
    """The task: run one cell to its end on the node where it lands."""
    import ray  # this function is sent by value: everything it needs is imported here

    node = ray.util.get_node_ip_address()
    try:
        from colorbench.grid.remote import UNSEEN, RemoteCell
    except ImportError as error:
        return "unseen", f"ray node {node} cannot import colorbench ({error}): install it there, as on this machine"
    kind, text = RemoteCell(folder, ticket, environment)()
    if kind == UNSEEN:
        text = f"ray node {node} {text}: --out must be on a file system that all nodes share"
    return kind, text


class Driver:
    """Submits the jobs that come in, reports those that have ended."""

    def __init__(self, settings: dict[str, Any], report: Callable[[dict], None]):
        if address := settings["address"] or os.environ.get("RAY_ADDRESS"):
            _check_answers(address)
        import ray  # takes a second

        self.ray, self.report, self.settings = ray, report, settings
        ray.init(address=settings["address"], log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
        self.task = ray.remote(num_cpus=settings["cpus"], max_retries=MOST_RETRIES)(run_cell)
        self.refs: dict[Any, str] = {}
        self.resources, self.asked = {}, 0.0
        address = ray.get_runtime_context().gcs_address
        arguments = (address, settings["patience_seconds"], report)
        threading.Thread(target=_watch_head, args=arguments, daemon=True).start()

    def report_cluster(self) -> None:
        """Report what the cluster has, when that is new."""
        if time.monotonic() - self.asked < _GROWTH_SECONDS:
            return
        self.asked, found = time.monotonic(), self.ray.cluster_resources()
        resources = {"cpus": found.get("CPU", 0), "gpus": found.get("GPU", 0)}
        if resources != self.resources:
            self.resources = resources
            self.report({"cluster": resources})

    def submit(self, job: dict[str, Any]) -> None:
        task = self.task.options(name=job["name"], num_gpus=job["gpus"])
        self.refs[task.remote(job["folder"], job["ticket"], self.settings["environment"])] = job["folder"]

    def collect(self) -> None:
        """Report everything that has ended; wait a little when nothing has."""
        done, _ = self.ray.wait(list(self.refs), num_returns=1, timeout=0.2)
        if done:
            done, _ = self.ray.wait(list(self.refs), num_returns=len(self.refs), timeout=0)
        for ref in done:
            kind, text = self._result(ref)
            self.report({"folder": self.refs.pop(ref), "kind": kind, "text": text})

    def _result(self, ref: Any) -> tuple[str, str]:
        errors = self.ray.exceptions
        try:
            return self.ray.get(ref)
        except errors.OutOfMemoryError as error:
            return "memory", one_line(error)
        except errors.RayTaskError as error:
            return "problem", f"the ray task failed: {str(error).strip().splitlines()[-1]}"
        except errors.RayError as error:
            return "died", f"{type(error).__name__}: {one_line(error)}"


def main() -> int:
    """Serve until the run closes the pipe."""
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what ray prints must not come between
    lock = threading.Lock()

    def report(message: dict) -> None:
        with lock:
            pipe.write(json.dumps(message) + "\n")

    settings = json.loads(sys.stdin.readline())
    inbox: queue.Queue[dict | None] = queue.Queue()
    threading.Thread(target=_read, args=(inbox,), daemon=True).start()
    try:
        driver = Driver(settings, report)
    except Exception as error:  # of many kinds, none of which the run could import
        report({"gone": one_line(error)})
        return 1
    while True:
        driver.report_cluster()
        if driver.refs and inbox.empty():
            driver.collect()
            continue
        try:
            job = inbox.get(timeout=1.0)
        except queue.Empty:
            continue
        if job is None:
            driver.ray.shutdown()
            return 0
        driver.submit(job)


def _read(inbox: queue.Queue) -> None:
    for line in sys.stdin:
        inbox.put(json.loads(line))
    inbox.put(None)


def _check_answers(address: str) -> None:
    """Refuse an address where nothing listens; Ray itself would try for minutes. Other forms (auto, ray://) are left to it."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise ConnectionError(
            f"no answer from its head at {address} ({error}); start it with `ray start --head`"
        ) from None


def _watch_head(address: str, patience_seconds: float | int, report: Callable[[dict], None]) -> None:
    """End this process with a message when the head of the cluster does not answer for a while."""
    host, _, port = address.rpartition(":")
    answered = time.monotonic()
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=3).close()
            answered = time.monotonic()
        except OSError as error:
            if time.monotonic() - answered > patience_seconds:
                report(
                    {"gone": f"no answer from its head at {address} ({error}); start it again with `ray start --head`"}
                )
                os._exit(1)
        time.sleep(1.0)


if __name__ == "__main__":
    sys.exit(main())
