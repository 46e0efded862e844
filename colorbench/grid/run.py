"""run(suite): cells that are not done yet, through an executor, and then the board. Calling it again finishes what is left."""

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from colorbench.cell import Cell, Suite
from colorbench.files import (
    JOB,
    PROGRESS,
    RECORD,
    REFERENCES,
    STEP_TABLE,
    SUITE,
    bytes_sha256,
    clear_for_file,
    is_held,
    read_file,
    remove,
    write_atomically,
    write_run_file,
)
from colorbench.grid.executors import Executor, LocalExecutor, find_devices
from colorbench.grid.plan import Plan, plan_run, refuse_other_protocol
from colorbench.grid.state import are_references, note_files, state_of
from colorbench.grid.supervisor import Event
from colorbench.grid.worker import Job
from colorbench.record import Record, read_record, write_record
from colorbench.suites.load import load_suite, read_written_suite
from colorbench.suites.step_table import StepTable, write_table

if TYPE_CHECKING:
    from colorbench.data import PhotoSet

_STAMP = ".made-from"  # beside a board: what it was made from


@dataclass(frozen=True)
class RunReport:
    """What a run did. `problems` are messages about cells that are not recorded and can be run again."""

    plan: Plan
    records: tuple[Record, ...]
    ran: int
    problems: tuple[str, ...]
    board: Path | None

    @property
    def missing(self) -> dict[str, str]:
        """Metrics that could not be measured, each with its reason."""
        return {
            key: score.reason
            for record in self.records
            for key, score in record.scores.items()
            if score.value is None and score.reason
        }


def run(
    suite: Suite | str | Path,
    *,
    out: Path | str = "runs",
    source: str | Path | None = None,
    executor: Executor | None = None,
    plugins: Sequence[str] = (),
    checkpoint_seconds: float = 20.0,
    rescore: bool = False,
    table: StepTable | None = None,
    plan: Plan | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    build: bool = True,
) -> RunReport:
    """Run what is left of a suite and build its board.

    Args:
        suite: what to run: a suite, or what `load_suite` takes.
        out: output folder; cells go to `out/<suite>/<recipe>/seed-<n>`.
        source: where the photos are, when the dataset needs one.
        executor: default LocalExecutor on every GPU, or on the CPU.
        plugins: plug-in files.
        checkpoint_seconds: least time between two checkpoints of a cell.
        rescore: score stored predictions again where a metric is empty in the record.
        table: the step table of a `reference-seconds` budget; see plan_run.
        plan: what `adopt` gave, when it is known already.
        on_event: told about starts, progress and ends.
        build: write tables, plots and the page at the end.
    """
    suite = suite if isinstance(suite, Suite) else load_suite(suite)
    plan = plan or adopt(plan_run(suite, out=out, source=source, table=table))
    for cell, state in plan.states:
        if state.name == "done" and state.record:
            note_files(plan.out / cell.folder, state.record)
    save_references(plan)
    executor = executor or LocalExecutor(find_devices(), worker_environment(plan.suite))
    jobs = [_job(plan, cell, plugins, checkpoint_seconds) for cell in plan.todo]
    jobs += [_job(plan, cell, plugins, checkpoint_seconds, True) for cell in (plan.done if rescore else plan.lacking)]
    recorded = {_folder(plan, cell): cell.name for cell in plan.done}

    def note(event: Event) -> None:
        if event.kind == "end":
            recorded[event.job.folder] = event.job.name
        on_event(event)

    problems = executor.execute(jobs, note) if jobs else []
    if not (plan.out / plan.suite.name / SUITE).is_file():  # the folder was removed during the run
        _write_suite(plan)
        save_references(plan)
    problems += _removed(recorded)
    records = tuple(_records(plan))
    board = build_board(plan) if build and records else None
    return RunReport(plan, records, len(jobs), tuple(problems), board)


def _removed(recorded: dict[Path, str]) -> list[str]:
    """Messages about cells that were removed during the run."""
    gone = [name for folder, name in recorded.items() if not (folder / RECORD).is_file()]
    return [f"{name}: its record was removed while the run went on; the same command makes it again" for name in gone]


def adopt(plan: Plan) -> Plan:
    """Write `suite.json` and copy cells that other suites in `out` have done; return the plan with their new states.

    A cell's key leaves out the suite's name for this reason: U-Net with l1 is trained once for the board of generators and
    the board of losses, when both hold the same things fixed. A cell that a process is working on is left alone.

    Raises:
        ValueError: the folder was made with another protocol.
    """
    _write_suite(plan)
    siblings = _siblings(plan.suite, plan.out)
    copied = [cell for cell in plan.todo if any(_adopt_cell(cell, sibling, plan.out) for sibling in siblings)]
    if not copied:
        return plan
    return replace(plan, states=tuple((cell, state_of(cell, plan.out)) for cell, _ in plan.states))


def _siblings(suite: Suite, out: Path) -> list[str]:
    """Names of the other suites in `out` that hold the same things fixed."""
    found = []
    for path in sorted(out.glob(f"*/{SUITE}")):
        try:
            other = read_written_suite(path)
        except (OSError, ValueError):
            continue
        if path.parent.name == other.name != suite.name and other.protocol == suite.protocol:
            found.append(other.name)
    return found


def _adopt_cell(cell: Cell, sibling: str, out: Path) -> bool:
    """Copy a cell from the sibling, its record last; return whether that has it."""
    twin = cell.model_copy(update={"suite": sibling})
    state, target = state_of(twin, out), out / cell.folder
    if state.record is None or state.name != "done" or state.record.status != "done" or is_held(target):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".adopt-") as scratch:
        copy = Path(scratch) / target.name
        shutil.copytree(out / twin.folder, copy, ignore=shutil.ignore_patterns(".*", JOB, PROGRESS))
        write_record(state.record.model_copy(update={"cell": cell}), copy / RECORD)
        shutil.rmtree(target, ignore_errors=True)  # a training state of the same cell, not finished
        copy.rename(target)
    return True


def worker_environment(suite: Suite) -> dict[str, str]:
    """Variables for workers: the suite's limit on downloads, unless the user set one."""
    if suite.download_mb is None or "COLORBENCH_DOWNLOAD_MB" in os.environ:
        return {}
    return {"COLORBENCH_DOWNLOAD_MB": f"{suite.download_mb:g}"}


def _folder(plan: Plan, cell: Cell) -> Path:
    return (plan.out / cell.folder).resolve()


def _job(plan: Plan, cell: Cell, plugins: Sequence[str], checkpoint_seconds: float, rescore: bool = False) -> Job:
    return Job(
        folder=_folder(plan, cell),
        cell=cell,
        metrics=plan.suite.metrics,
        source=plan.source and absolute_source(plan.source),
        timeout_seconds=None if rescore else plan.suite.cell_timeout_seconds,
        checkpoint_seconds=checkpoint_seconds,
        plugins=tuple(str(Path(plugin).resolve()) for plugin in plugins),
        rescore=rescore,
    )


def absolute_source(source: str) -> str:
    """The absolute path of a folder, for workers elsewhere; any other source unchanged."""
    return str(Path(source).resolve()) if Path(source).exists() else source


def _write_suite(plan: Plan) -> None:
    """Write `suite.json` beside the cells: the suite with all recipes that were ever run into this folder."""
    path, suite = plan.out / plan.suite.name / SUITE, plan.suite
    if before := refuse_other_protocol(suite, plan.out):
        labels = {recipe.label for recipe in suite.recipes}
        kept = tuple(recipe for recipe in before.recipes if recipe.label not in labels)
        suite = suite.model_copy(update={"recipes": suite.recipes + kept, "seeds": max(before.seeds, suite.seeds)})
    text = suite.model_dump_json(indent=1) + "\n"
    if not path.exists() or path.read_text() != text:
        write_atomically(path, text.encode())
    if plan.table is not None and suite.protocol.table_sha256:
        write_table(plan.table, path.parent / STEP_TABLE)


def _records(plan: Plan):
    for cell, _ in plan.states:
        path = plan.out / cell.folder / RECORD
        if path.exists():
            yield read_record(path)


def build_board(plan: Plan, progress: Callable[[str], None] | None = None) -> Path:
    """Build the suite's board, unless it was made from these very files; return its folder."""
    from colorbench import leaderboard

    folder = plan.out / plan.suite.name
    stamp, code = folder / "board" / _STAMP, Path(leaderboard.__file__).parent
    if _content(stamp) == _fingerprint([folder, code], "*").encode():
        return stamp.parent
    records = _fingerprint([folder], RECORD)
    built = leaderboard.build(folder, progress=progress)
    if _fingerprint([folder], RECORD) == records:  # else another process has recorded a cell, and builds again
        write_run_file(stamp, _fingerprint([folder, code], "*").encode(), durable=False)
    return built


def _content(stamp: Path) -> bytes | None:
    """What the stamp of a board says; None where it is absent or no file, so that the board is made again."""
    try:
        return read_file(stamp)
    except OSError:
        return None


def _fingerprint(places: list[Path], pattern: str) -> str:
    """A hash of names, sizes and times of the files below, and of which boards lie beside the first place, for its links."""
    boards = (path for path in places[0].parent.glob("*/board") if path.parent != places[0])
    facts = [f"{path}" for path in boards if (path / "table.md").exists()]
    for path in (path for place in places for path in place.rglob(pattern)):
        with suppress(OSError):  # what another process writes comes and goes; a link may lead in a circle
            status = path.stat()
            if stat.S_ISREG(status.st_mode) and path.name[0] != "." and path.suffix != ".pyc":
                facts.append(f"{path} {status.st_size} {status.st_mtime_ns}")
    return bytes_sha256("\n".join(sorted(facts)).encode("utf-8", "surrogateescape"))


def save_references(plan: Plan) -> None:
    """Keep the true test photos beside the cells, for strips and re-scoring. Damaged ones are made again."""
    from colorbench.data import load_protocol_photos

    folder = plan.out / plan.suite.name / REFERENCES
    write_references(folder, load_protocol_photos(plan.suite.protocol, plan.source).test)


def write_references(folder: Path, photos: "PhotoSet") -> None:
    """Save a PhotoSet's pictures in a folder, unless exactly these are there, and their truth beside it if it is known."""
    import numpy as np
    import torch

    from colorbench.data.mixtures import TRUTH
    from colorbench.training.evaluate import save_pictures

    if photos.truth is not None:
        clear_for_file(folder.parent / TRUTH)
        photos.truth.write(folder.parent / TRUTH)
    pixels = np.asarray(photos.pixels)
    if are_references(folder, photos.ids, pixels):
        return
    remove(folder)
    save_pictures(folder, torch.from_numpy(np.array(pixels)), photos.ids)
