"""The README's speed table by one command: our first call, later calls as a user gets them, and compiled, beside each peer.

python -m benchmarks.speed FOLDER            measures (about twenty minutes; wants an idle machine) and prints the table
python -m benchmarks.speed FOLDER --print    prints it again from what FOLDER holds
"""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.table import BARS, OURS, Results, duration, read_results

ROOT = Path(__file__).parents[1]
FILES = ("benchmarks/test_color.py", "benchmarks/test_metrics.py", "benchmarks/test_losses.py")
MODES = {"default.json": None, "compiled.json": "1"}
"""File of results -> COLORBENCH_COMPILE; None leaves it unset, as a user has it."""
HEADER = (
    "operation",
    "first call",
    "later calls",
    "compiled",
    "against",
    "takes",
    "later calls faster",
    "compiled faster",
)


def measure(folder: Path) -> None:
    """Both runs, one after the other, each in a process of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, mode in MODES.items():
        environment = {key: value for key, value in os.environ.items() if key != "COLORBENCH_COMPILE"}
        environment |= {"JAXTYPING_DISABLE": "1"} | ({} if mode is None else {"COLORBENCH_COMPILE": mode})
        options = ["--benchmark-enable", "--benchmark-only", f"--benchmark-json={(folder / name).resolve()}", "-q"]
        subprocess.run([sys.executable, "-m", "pytest", *FILES, *options], cwd=ROOT, env=environment, check=True)


def rows(default: Results, compiled: Results) -> list[tuple[str, ...]]:
    """One row per peer that has a bar, at its best: of kornia plain and compiled, the faster one."""
    lines = []
    for operation, peer in BARS:
        plain, fast = (results.get((operation, "cpu"), {}) for results in (default, compiled))
        takes = [who[name]["seconds"] for who in (plain, fast) for name in (peer, f"{peer}, compiled") if name in who]
        if OURS not in plain or OURS not in fast or not takes:
            continue
        first, later, best = plain[OURS].get("first_seconds"), plain[OURS]["seconds"], fast[OURS]["seconds"]
        times = ("" if first is None else duration(first), duration(later), duration(best))
        lines.append(
            (operation, *times, peer, duration(min(takes)), *(f"{min(takes) / own:.1f}x" for own in (later, best)))
        )
    return lines


def main(arguments: list[str]) -> None:
    folders = [Path(argument) for argument in arguments if not argument.startswith("--")]
    if len(folders) != 1 or not {*arguments} - {str(folders[0])} <= {"--print"}:
        sys.exit(__doc__)
    if "--print" not in arguments:
        measure(folders[0])
    default, compiled = (read_results([folders[0] / name]) for name in MODES)
    for line in [HEADER, ("---",) * len(HEADER), *rows(default, compiled)]:
        print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    main(sys.argv[1:])
