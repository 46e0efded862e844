"""How long a planned run should take on this device: a few timed steps of each kind, remembered in the cache folder.

For plans without a step table. A recipe that trains on pictures of several sizes is timed at each of them. Times are kept per
device, thread count, version of torch and colorbench, and protocol. They include neither evaluation nor set-up.
"""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import resource_tracker
from pathlib import Path
from typing import NamedTuple

from colorbench.cell import Cell, canonical_json
from colorbench.errors import one_line
from colorbench.files import bytes_sha256, write_atomically
from colorbench.grid.fork_server import can_fork
from colorbench.grid.plan import Plan
from colorbench.grid.worker import switch_compiling
from colorbench.plugins import load_plugins, loaded_files
from colorbench.suites.budget import steps_by_size
from colorbench.suites.step_table import Conditions, kind_of

STEPS = {"cuda": (5, 20), "cpu": (1, 2)}  # warm-up, timed
LONGEST_SECONDS = 60.0
"""After so long no further kind is timed; the next call goes on."""


class SizedStep(NamedTuple):
    """A step to time: of this cell, on pictures of this side. The cell takes `count` of them."""

    cell: Cell
    side_px: int
    count: int

    @property
    def key(self) -> str:
        """Its name in the file of times."""
        kind, full_px = kind_of(self.cell.recipe, self.cell.protocol).id, self.cell.protocol.size_px
        return kind if self.side_px == full_px else f"{kind}-{self.side_px}px"

    @property
    def label(self) -> str:
        return f"{self.cell.recipe.label} at {self.side_px} px"


def estimate(
    plan: Plan,
    device: str,
    threads: int | None = None,
    *,
    on_kind: Callable[[str, int, int], None] = lambda label, done, total: None,
) -> tuple[Plan, dict[str, str]]:
    """The plan with expected seconds of the cells that are left, and the reasons for recipes that have none: label -> message.

    Args:
        plan: of `plan_run`.
        device: where the cells would run, such as "cpu" or "cuda:0".
        threads: of a worker on the CPU.
        on_kind: told `(label, done, all)` before each kind of step that is timed.
    """
    todo = {c.recipe.label: c for c in plan.todo if c.steps and c.recipe.label not in plan.expected_seconds}
    if not todo:
        return plan, {}
    steps = {label: _sized(cell, cell.steps or 0) for label, cell in todo.items()}
    path = _file(device, threads, plan)
    known, failed = _read(path), {}
    wanted = {step.key: step for sized in steps.values() for step in sized if step.key not in known}
    end = time.monotonic() + LONGEST_SECONDS
    while left := [step for key, step in wanted.items() if key not in known and key not in failed]:
        if time.monotonic() > end:
            failed |= {step.key: "not timed yet; the same command goes on" for step in left}
            break
        _time(left, plan, device, threads, known, failed, end, lambda label: on_kind(label, len(known), len(wanted)))
        write_atomically(path, json.dumps(known, indent=1, sort_keys=True).encode(), durable=False)
    seconds, reasons = {}, {}
    for label, sized in steps.items():
        if missing := [step.key for step in sized if step.key in failed]:
            reasons[label] = failed[missing[0]]
        else:
            seconds[label] = sum(known[step.key] * step.count for step in sized)
    return replace(plan, expected_seconds=plan.expected_seconds | seconds), reasons


def _sized(cell: Cell, steps: int) -> list[SizedStep]:
    return [SizedStep(cell, side, count) for side, count in (steps_by_size(cell, steps) or {}).items()]


def _file(device: str, threads: int | None, plan: Plan) -> Path:
    """The file of this device's times under this protocol; its name starts with the device's."""
    import torch

    from colorbench.files import cache_folder, slug
    from colorbench.training.device import describe_environment

    here = describe_environment(torch.device(device))
    name = here.gpu or here.cpu
    facts = [name, here.torch, here.colorbench, None if here.gpu else threads]
    facts.append(Conditions.of(plan.suite.protocol).model_dump(mode="json"))
    digest = bytes_sha256(canonical_json(facts).encode())[:16]
    return cache_folder() / "step-times" / f"{slug(name)[:60]}-{digest}.json"


def _read(path: Path) -> dict[str, float]:
    """Kind of step -> seconds; empty for a file that is absent or damaged."""
    try:
        held = json.loads(path.read_bytes())
        return {str(kind): float(seconds) for kind, seconds in held.items() if float(seconds) > 0}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _time(
    wanted: Sequence[SizedStep],
    plan: Plan,
    device: str,
    threads: int | None,
    known: dict[str, float],
    failed: dict[str, str],
    end: float,
    on_kind: Callable[[str], None],
) -> None:
    """Time these kinds in a process of their own, which a network may crash; add to `known` and `failed`.

    Returns when that process ends; the caller continues with what is left.
    """
    context = _context()
    ours, theirs = context.Pipe(duplex=False)
    settings = (plan.suite.protocol, plan.source, device, threads, loaded_files(), max(0.0, end - time.monotonic()))
    child = context.Process(target=_work, args=(theirs, list(wanted), settings, dict(os.environ)), daemon=True)
    with _interrupts_are_ours():
        child.start()
    theirs.close()
    at = wanted[0].key  # what it dies of, unless it says more
    try:
        while True:
            what, key, content = ours.recv()
            if what == "begin":
                at = key
                on_kind(content)
            elif what == "time":
                known[key] = content
            else:
                failed[key] = content
    except EOFError:
        child.join()
    finally:
        child.kill()
    if child.exitcode and at not in known and at not in failed:
        failed[at] = f"its process died (exit code {child.exitcode}); the run would record a crash"


@contextmanager
def _interrupts_are_ours() -> Iterator[None]:
    """Keep Ctrl-C, which goes to all processes of a terminal, from a process that starts inside: its parent ends it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # whose start, else the first thing inside, would unblock Ctrl-C again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _context():
    """Fork processes from one that has imported what they need, where that is safe: only the first one waits for imports."""
    if not can_fork():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["colorbench.data", "colorbench.training.step_timer"])
    return context


def _work(pipe, wanted: Sequence[SizedStep], settings: tuple, environment: dict[str, str]) -> None:
    """Time the steps and send what happens. Download nothing."""
    protocol, source, device, threads, plugins, seconds = settings
    os.environ.clear()  # the process that was forked has an older one
    os.environ |= environment | {"COLORBENCH_DOWNLOAD_MB": "0"}
    switch_compiling(protocol)
    import torch

    from colorbench.data import load_protocol_photos
    from colorbench.training.device import free_memory
    from colorbench.training.step_timer import StepTimer

    if threads:
        torch.set_num_threads(threads)
    load_plugins(plugins)
    photos, where, end = load_protocol_photos(protocol, source), torch.device(device), time.monotonic() + seconds
    warmup, timed = STEPS.get(where.type, STEPS["cpu"])
    for step in wanted:
        if time.monotonic() > end:
            return
        pipe.send(("begin", step.key, step.label))
        try:
            timer = StepTimer(step.cell, photos, where, step.side_px)
            try:
                timer.warm_up(warmup)
                pipe.send(("time", step.key, timer.take(timed)))
            finally:
                timer.close()
        except Exception as error:  # missing weights, too little memory: the run says more
            pipe.send(("failed", step.key, one_line(error)[:200]))
        free_memory()
