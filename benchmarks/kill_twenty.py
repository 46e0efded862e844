"""Twenty kills: a small grid whose harness is killed with SIGKILL at random moments, finished, and compared bit for bit.

    python benchmarks/kill_twenty.py OUT [--kills 20] [--seed 0] [--seeds 2] [--jobs 1]

OUT/whole runs undisturbed, OUT/broken is killed; should its grid be finished before the last kill, OUT/broken-2 goes on.
Every second kill takes the harness alone (its workers notice, save and end by themselves), the others take its workers too,
in the same instant. Half the moments count from the start, half from where a cell trains further. At the end every record is
compared with the undisturbed one's, all but cost, attempts and environment: scores, hashes of predictions, of per-image
scores and of the checkpoint. The log goes to standard output and OUT/kills.log.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from colorbench.cell import Budget, Protocol, Recipe, Suite
from colorbench.files import JOB, RECORD, SUITE, TRAINING_STATE, is_held
from colorbench.grid.executors import LocalExecutor
from colorbench.grid.run import run
from colorbench.grid.state import read_progress
from colorbench.record import Record, read_record

UNET = {"width": 4, "depth": 2}
RECIPES = (
    Recipe(generator="unet", loss="l1", options=UNET),
    Recipe(generator="unet", loss="100*l1 + patchgan(width=4, layers=1)", options=UNET, name="unet-patchgan"),
    Recipe(generator="unet", loss="classification", options=UNET, name="unet-bins"),
)


def kill_suite(recipes=RECIPES, seeds: int = 2, steps: int = 60) -> Suite:
    """A grid that a slow machine trains in a minute."""
    protocol = Protocol(
        dataset="embedded",
        size_px=16,
        fit="tiles",
        limit_train=16,
        limit_test=4,
        batch=4,
        budget=Budget(kind="steps", amount=steps),
    )
    return Suite(
        name="kills",
        title="for killing",
        protocol=protocol,
        seeds=seeds,
        metrics=("psnr", "delta-e-2000"),
        primary="psnr",
        baselines=("gray",),
        recipes=recipes,
    )


def comparable(record: Record) -> dict:
    """What must not depend on how often a cell was interrupted."""
    return record.model_dump(mode="json", exclude={"cost", "attempts", "environment"})


def read_records(out: Path) -> dict[str, Record]:
    """Folder of the cell -> its record."""
    return {str(path.parent.relative_to(out)): read_record(path) for path in sorted(out.rglob(RECORD))}


def differences(whole: Path, broken: Path) -> list[str]:
    """Sentences about every cell that is lost, twice there, not trained exactly once, or not equal bit for bit."""
    expected, found = read_records(whole), read_records(broken)
    wrong = [f"{name}: lost" for name in expected.keys() - found.keys()]
    wrong += [f"{name}: not asked for" for name in found.keys() - expected.keys()]
    wrong += [f"{path.parent}: recorded twice" for path in broken.rglob("record-*.json")]
    for name in expected.keys() & found.keys():
        one, other = comparable(expected[name]), comparable(found[name])
        wrong += [f"{name}: {key} differs" for key in one if one[key] != other[key]]
        steps = sum(attempt.end_step - attempt.start_step for attempt in found[name].attempts)
        if steps != found[name].spent.steps:
            wrong.append(f"{name}: attempts add up to {steps} steps of {found[name].spent.steps}")
    return wrong


class Grid:
    """One output folder, its harness process, and what was seen in it."""

    def __init__(self, suite: Suite, out: Path, jobs: int = 1):
        self.suite, self.out, self.jobs = suite, out, jobs
        self.records: dict[str, bytes] = {}

    def start(self) -> subprocess.Popen:
        """The harness, in a process group of its own."""
        code = (
            f"import sys; from benchmarks.kill_twenty import harness; sys.exit(harness({str(self.out)!r}, {self.jobs}))"
        )
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / SUITE).write_text(self.suite.model_dump_json())
        root = str(Path(__file__).parent.parent)
        paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        with (self.out / "harness.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", code],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": paths},
            )

    def finish(self) -> int:
        return self.start().wait()

    def kill_after(self, seconds: float, workers_too: bool, in_training: bool = False) -> bool:
        """Start the harness and kill it so long after its start, or after training goes on; False when it ended before."""
        process = self.start()
        if in_training:
            self.wait_for_training(process)
        try:
            process.wait(seconds)
            return False
        except subprocess.TimeoutExpired:
            pass
        self.kill(process, workers_too)
        return True

    def kill(self, process: subprocess.Popen, workers_too: bool) -> None:
        """SIGKILL, to the harness's process group and, if asked, to its workers' in the same instant."""
        victims = _descendants(process.pid) if workers_too else []
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def wait_for_training(self, process: subprocess.Popen) -> None:
        """Until a cell trains further than any did before, or the harness has ended."""
        before = self._steps()
        while self._steps() <= before and process.poll() is None:
            time.sleep(0.02)

    def _steps(self) -> int:
        told = (read_progress(path.parent) or {} for path in self.out.rglob(JOB))
        return sum(facts.get("step") or 0 for facts in told if facts.get("phase") == "training")

    def look(self) -> str:
        """What the cells are doing, in words; checks that no record has changed since it was first seen."""
        for path in self.out.rglob(RECORD):
            content = path.read_bytes()
            if self.records.setdefault(str(path), content) != content:
                raise RuntimeError(f"{path} was written twice")
        jobs = list(self.out.rglob(JOB))
        words = [_word(path.parent) for path in sorted(jobs)]
        return ", ".join(f"{count} {word}" for word, count in sorted(Counter(words).items())) or "nothing yet"


def harness(out: str, jobs: int) -> int:
    """What is killed: colorbench.grid.run, with a checkpoint as often as it can."""
    suite = Suite.model_validate_json((Path(out) / SUITE).read_text())
    executor = LocalExecutor(["cpu"] * jobs)
    report = run(suite, out=out, executor=executor, checkpoint_seconds=0.05, build=False)
    print(*report.problems, sep="\n")
    return 1 if report.problems else 0


def kill_grid(suite: Suite, out: Path, kills: int, seed: int, longest: float, jobs: int = 1, say=print) -> list[Grid]:
    """Kill harnesses at moments up to `longest` seconds, then finish; returns the grids that were used."""
    moments, grids = random.Random(seed), [Grid(suite, out / "broken", jobs)]
    for number in range(1, kills + 1):
        alone, in_training = number % 2 == 0, number % 4 > 1
        moment = moments.uniform(0.0, 2.0 if in_training else longest)
        while not grids[-1].kill_after(moment, workers_too=not alone, in_training=in_training):
            grids[-1].look()
            grids.append(Grid(suite, out / f"broken-{len(grids) + 1}", jobs))
        whom = "harness alone" if alone else "harness and workers"
        since = "of training" if in_training else "of the run"
        say(f"kill {number:2d} after {moment:5.1f} s {since}, {whom:19s} {grids[-1].out.name}: {grids[-1].look()}")
    for grid in grids:
        status = grid.finish()
        say(f"finished {grid.out.name}: exit status {status}; {grid.look()}")
    return grids


def _word(folder: Path) -> str:
    if (folder / RECORD).exists():
        return "recorded"
    told = read_progress(folder) or {"phase": "start", "share": 0.0}
    saved = "with a checkpoint" if (folder / TRAINING_STATE).exists() else "without a checkpoint"
    held = ", its worker still there" if is_held(folder) else ""
    return f"in {told['phase']} ({told['share']:.0%}) {saved}{held}"


def _descendants(pid: int) -> list[int]:
    """Workers, and the server that they are forked from."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found = [pid]
    for one in found:  # grows on the way
        found += children.get(one, [])
    return found[1:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log = (options.out / "kills.log").open("w")

    def say(text: str) -> None:
        print(text, flush=True)
        print(text, file=log, flush=True)

    suite = kill_suite(seeds=options.seeds, steps=200)
    began = time.monotonic()
    status = Grid(suite, options.out / "whole", options.jobs).finish()
    took = time.monotonic() - began
    say(f"undisturbed: {len(read_records(options.out / 'whole'))} cells in {took:.1f} s, exit status {status}")
    grids = kill_grid(suite, options.out, options.kills, options.seed, took / 3, options.jobs, say)
    wrong = [sentence for grid in grids for sentence in differences(options.out / "whole", grid.out)]
    cells = sum(len(read_records(grid.out)) for grid in grids)
    attempts = [len(record.attempts) for grid in grids for record in read_records(grid.out).values()]
    say(f"{options.kills} kills, {cells} records in {len(grids)} grids, up to {max(attempts)} attempts a cell")
    say("\n".join(wrong) or "every record equals the undisturbed one bit for bit; none lost, none twice")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
