"""How long a planned run should take on this device: a few timed steps of each kind, remembered in the cache folder.

A step table says it exactly; this is for a plan without one. The times are of a device, its threads, the versions of torch and
colorbench, and a protocol's conditions. Evaluation and set-up are not in them.
"""

import gc
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from colorbench.cell import Cell, canonical_json
from colorbench.files import bytes_sha256, write_atomically
from colorbench.grid.plan import Plan
from colorbench.suites.step_table import Conditions, StepKind, kind_of

STEPS = {"cuda": (5, 20), "cpu": (1, 2)}  # warm-up, timed
LONGEST_SECONDS = 60.0
"""After so long no further kind is timed; the next call goes on."""


def estimate(
    plan: Plan,
    device: str,
    threads: int | None = None,
    *,
    longest_seconds: float = LONGEST_SECONDS,
    on_kind: Callable[[str, int, int], None] = lambda label, done, total: None,
) -> tuple[Plan, dict[str, str]]:
    """The plan with expected seconds of the cells that are left, and why a recipe has none: its label -> a sentence.

    Args:
        plan: of `plan_run`.
        device: where the cells would run, such as "cpu" or "cuda:0".
        threads: of a worker on the CPU.
        longest_seconds: for all timing together.
        on_kind: told `(label, done, all)` before each kind of step that is timed.
    """
    import torch

    todo = {c.recipe.label: c for c in plan.todo if c.steps and c.recipe.label not in plan.expected_seconds}
    kinds = {label: kind_of(cell.recipe, cell.protocol) for label, cell in todo.items()}
    if not kinds:
        return plan, {}
    before = torch.get_num_threads()
    if threads:
        torch.set_num_threads(threads)
    try:
        path = _file(device, plan)
        known = _read(path)
        wanted = {kind.id: (kind, todo[label]) for label, kind in kinds.items() if kind.id not in known}
        failed = _time(list(wanted.values()), plan, device, known, path, longest_seconds, on_kind)
    finally:
        torch.set_num_threads(before)
    seconds = {label: known[kind.id] * (todo[label].steps or 0) for label, kind in kinds.items() if kind.id in known}
    reasons = {label: failed[kind.id] for label, kind in kinds.items() if kind.id in failed}
    return replace(plan, expected_seconds=plan.expected_seconds | seconds), reasons


def _file(device: str, plan: Plan) -> Path:
    """Where the times of this device under this protocol are kept; its name starts with the device's."""
    import torch

    from colorbench.data import cache_folder
    from colorbench.files import slug
    from colorbench.training.environment import describe_environment

    here = describe_environment(torch.device(device))
    name = here.gpu or here.cpu
    facts = [name, here.torch, here.colorbench, None if here.gpu else here.threads]
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
    wanted: Sequence[tuple[StepKind, Cell]],
    plan: Plan,
    device: str,
    known: dict[str, float],
    path: Path,
    longest_seconds: float,
    on_kind: Callable[[str, int, int], None],
) -> dict[str, str]:
    """Add the seconds of each kind to `known` and to the file; returns why one has none."""
    import torch

    from colorbench.data import load_protocol_photos
    from colorbench.training.step_timer import StepTimer

    if not wanted:
        return {}
    failed, began = {}, time.monotonic()
    photos = load_protocol_photos(plan.suite.protocol, plan.source)
    where = torch.device(device)
    warmup, timed = STEPS.get(where.type, STEPS["cpu"])
    with _as_in_a_worker(plan.suite.protocol.compile):
        for place, (kind, cell) in enumerate(wanted):
            if time.monotonic() - began > longest_seconds:
                failed[kind.id] = "not timed yet; the same command goes on"
                continue
            on_kind(kind.label, place, len(wanted))
            try:
                timer = StepTimer(cell, photos, where)
                try:
                    timer.warm_up(warmup)
                    known[kind.id] = timer.take(timed)
                finally:
                    timer.close()
            except Exception as error:  # missing weights, too little memory: the run says more
                failed[kind.id] = next(iter((str(error) or type(error).__name__).splitlines()))[:200]
                continue
            finally:
                gc.collect()
            write_atomically(path, json.dumps(known, indent=1, sort_keys=True).encode(), durable=False)
    return failed


@contextmanager
def _as_in_a_worker(compiled: bool) -> Iterator[None]:
    """Kernels compiled as the protocol says; nothing is downloaded."""
    changed = {"COLORBENCH_COMPILE": "1" if compiled else "0", "COLORBENCH_DOWNLOAD_MB": "0"}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
