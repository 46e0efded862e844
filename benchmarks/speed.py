"""The README's speed table by one command: our first call, later calls with nothing set and nothing kept, with nothing set once
the compiled kernels are kept, and with COLORBENCH_COMPILE=1, beside each peer.

python -m benchmarks.speed FOLDER            measures (about half an hour; wants an idle machine) and prints the table
python -m benchmarks.speed FOLDER --print    prints it again from what FOLDER holds
"""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.table import BARS, OURS, Results, duration, read_results

ROOT = Path(__file__).parents[1]
FILES = ("benchmarks/test_color.py", "benchmarks/test_metrics.py", "benchmarks/test_losses.py")
RUNS = {"eager.json": None, "kept.json": None, "compiled.json": "1"}
"""File of results -> COLORBENCH_COMPILE; None leaves it unset, as a user has it. Only the second finds kept kernels."""
HEADER = ("operation", "first call", "against", "takes", "later calls", "in later processes", "COLORBENCH_COMPILE=1")
KEEP = """
import torch
from colorbench.color import fused, lab_to_rgb, rgb_to_lab
from colorbench.color.kept import Library
from colorbench.metrics import METRICS, score

fused.KEPT_PATIENCE = 0
rgb = torch.rand(16, 3, 256, 256)
keys = [key for key, row in METRICS.items() if row.needs is None and row.inputs != "set"]
finished = object()
while Library.compiling is not finished:  # the last round starts none
    if finished := Library.compiling:
        finished.wait()
    lab = rgb_to_lab(rgb)
    lab_to_rgb(lab)
    lab_to_rgb(lab.requires_grad_())
    score(rgb, rgb.flip(0), metrics=keys)
"""
"""Has every kernel of the measured operations compiled, and waits for it."""


def measure(folder: Path) -> None:
    """The three runs, one after the other, each in a process of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, mode in RUNS.items():
        environment = {key: value for key, value in os.environ.items() if key != "COLORBENCH_COMPILE"}
        cache = folder / f"cache-{name}"
        environment |= {"JAXTYPING_DISABLE": "1", "COLORBENCH_CACHE": str(cache.resolve())}
        if name == "kept.json":
            subprocess.run([sys.executable, "-c", KEEP], cwd=ROOT, env=environment, check=True)
        environment |= {} if mode is None else {"COLORBENCH_COMPILE": mode}
        options = ["--benchmark-only", f"--benchmark-json={(folder / name).resolve()}", "-q"]
        subprocess.run([sys.executable, "-m", "pytest", *FILES, *options], cwd=ROOT, env=environment, check=True)


def rows(*runs: Results) -> list[tuple[str, ...]]:
    """One row per peer that has a bar, at its best of all runs; ours with how many times faster it is.

    The peer is taken as it is or compiled, whichever is faster; the eager column says both.
    """
    lines = []
    for operation, peer in BARS:
        measured = [results.get((operation, "cpu"), {}) for results in runs]
        plain, compiled = (
            [who[name]["seconds"] for who in measured if name in who] for name in (peer, f"{peer}, compiled")
        )
        if not plain or any(OURS not in who for who in measured):
            continue
        takes = duration(min(plain)) + (f", compiled {duration(min(compiled))}" if compiled else "")
        ours, first = [who[OURS]["seconds"] for who in measured], measured[0][OURS].get("first_seconds")
        best = [f"{min(plain + compiled) / seconds:.1f}x" for seconds in ours]
        if compiled:
            best[0] = f"{min(plain) / ours[0]:.1f}x; compiled {best[0]}"
        cells = [f"{duration(seconds)} ({ratio})" for seconds, ratio in zip(ours, best)]
        lines.append((operation, "" if first is None else duration(first), peer, takes, *cells))
    return lines


def main(arguments: list[str]) -> None:
    folders = [Path(argument) for argument in arguments if not argument.startswith("--")]
    if len(folders) != 1 or not {*arguments} - {str(folders[0])} <= {"--print"}:
        sys.exit(__doc__)
    if "--print" not in arguments:
        measure(folders[0])
    for line in [HEADER, ("---",) * len(HEADER), *rows(*(read_results([folders[0] / name]) for name in RUNS))]:
        print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    main(sys.argv[1:])
