"""`python -m tests.null_device.table [SUITE] [LABEL ...]`: what a training step of every recipe asks of the device.

Per step: kernels when each is launched by itself; then, as training runs, launches (kernels and graphs), the kernels in the
graphs, and what should be zero: waits for the device, copies between it and the host, allocations. Below a recipe stand
the lines of code that wait for the device. Needs no photos: their values play no part.
"""

import gc
import json
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from types import SimpleNamespace

from tests.null_device.harness import Counts, missing, read_counts, run_on_null_device

STEPS = 2
ENVIRONMENT = {"COLORBENCH_COMPILE": "0", "COLORBENCH_DOWNLOAD_MB": "0"}


@dataclass
class Row:
    """One recipe's step: counts of `STEPS` steps before and after it was prepared, and why it was not captured."""

    label: str
    eager: Counts = field(default_factory=Counts)
    usual: Counts = field(default_factory=Counts)
    waits: dict[str, int] = field(default_factory=dict)
    refused: str = ""
    failure: str = ""


def measure(suite_name: str = "smoke", *words: str) -> list[Row]:
    """The recipes of a suite whose labels have one of these words, or all, in a process on the null device."""
    command = ["-m", "tests.null_device.table", "--here", suite_name, *words]
    return read_rows(run_on_null_device(command, env=ENVIRONMENT, timeout=1200).stdout.splitlines())


def as_lines(rows: Iterable[Row]) -> Iterator[str]:
    """One JSON object per row."""
    return (json.dumps(asdict(row)) for row in rows)


def read_rows(lines: Iterable[str]) -> list[Row]:
    """What `as_lines` gave; other lines are passed over."""
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    return [Row(**row | {"eager": Counts(**row["eager"]), "usual": Counts(**row["usual"])}) for row in rows]


def show(rows: list[Row]) -> Iterator[str]:
    """The table, line by line."""
    width = max(len(row.label) for row in rows)
    yield f"{'per step':{width}}  kernels | launches  in graphs  waits  copies  allocations"
    for row in rows:
        if row.failure:
            yield f"{row.label:{width}}  {row.failure[:110]}"
            continue
        now, copies = row.usual, row.usual.to_device + row.usual.from_device
        numbers = (now.kernels + now.graph_launches, now.graph_kernels, now.syncs, copies, now.allocations)
        launches, inside, *unwanted = (f"{number / STEPS:g}" for number in numbers)
        first = f"{row.eager.kernels / STEPS:g}"
        yield f"{row.label:{width}}  {first:>7} | {launches:>8}  {inside:>9}  " + "  ".join(
            f"{number:>{size}}" for number, size in zip(unwanted, (5, 6, 11))
        )
        yield from (f"    {times / STEPS:g} waits: {line}" for line, times in row.waits.items())
        if row.refused:
            yield f"    not captured: {row.refused}"


def measure_here(suite_name: str, words: Sequence[str] = ()) -> Iterator[Row]:
    """What `measure` runs on the device."""
    import numpy as np
    import torch

    from colorbench.data.photoset import PhotoSet
    from colorbench.suites import load_suite
    from colorbench.suites.expand import expand_suite
    from colorbench.suites.step_table import kind_of
    from colorbench.training.step_timer import StepTimer

    suite, device = load_suite(suite_name), torch.device("cuda:0")
    side = suite.protocol.size_px
    pixels = np.random.default_rng(0).integers(0, 256, (4 * suite.protocol.batch, 3, side, side), dtype=np.uint8)
    photos = SimpleNamespace(train=PhotoSet.from_pixels(pixels))
    cells = {kind_of(c.recipe, c.protocol).label: c for c in expand_suite(suite, "0" * 64) if not c.is_baseline}
    for label, cell in cells.items():
        if words and not any(word in label for word in words):
            continue
        row = Row(label)
        try:
            timer = StepTimer(cell, photos, device)
            timer.take(1)
            row.eager = _counted(timer)
            timer.warm_up(1)
            row.usual = _counted(timer)
            with _waiting_lines() as found:
                timer.take(STEPS)
            row.waits, row.refused = dict(found), timer.trainer.captured.refused
            timer.close()
            del timer
        except Exception as error:
            row.failure = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        if torch.cuda.memory_reserved() > 20 * 2**30:
            gc.collect()
            torch.cuda.empty_cache()
        yield row


def _counted(timer) -> Counts:
    """Of `STEPS` steps, without what timing them costs."""
    counts = [read_counts()]
    for steps in (1, 1 + STEPS):
        timer.take(steps)
        counts.append(read_counts())
    return (counts[2] - counts[1]) - (counts[1] - counts[0])


@contextmanager
def _waiting_lines() -> Iterator[Counter]:
    """Counts the package's lines where torch waits for the device."""
    import torch

    found = Counter()

    def note(message, *_, **__) -> None:
        frames = [frame for frame in traceback.extract_stack() if "/colorbench/" in frame.filename]
        if "called a synchronizing" in str(message) and frames:
            found[f"{frames[-1].filename.rpartition('/colorbench/')[2]}:{frames[-1].lineno} {frames[-1].line}"] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield found
        finally:
            torch.cuda.set_sync_debug_mode("default")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        for line in as_lines(measure_here(sys.argv[2], sys.argv[3:])):
            print(line, flush=True)
    else:
        print(missing() or "\n".join(show(measure(*sys.argv[1:]))))
