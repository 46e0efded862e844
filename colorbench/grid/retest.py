"""retest(folder): a finished board's generators on other photos, in a board of their own beside it. Resumable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from colorbench.cell import Cell, Protocol, Recipe, Suite, sized_name
from colorbench.data import PhotoSet
from colorbench.errors import unknown_name
from colorbench.files import CHECKPOINT, JOB, RECORD, REFERENCES, SUITE, write_atomically
from colorbench.generators import BASELINES
from colorbench.grid.executors import Executor, LocalExecutor, find_devices
from colorbench.grid.run import absolute_source, write_references
from colorbench.grid.state import state_of
from colorbench.grid.supervisor import Event
from colorbench.grid.worker import Job, Retest, read_job
from colorbench.leaderboard.entries import Board, Run, read_board, record_files
from colorbench.record import Record, read_record
from colorbench.suites.load import read_written_suite
from colorbench.suites.override import dataset_of


@dataclass(frozen=True)
class RetestPlan:
    """What a retest will do.

    Attributes:
        board: the finished board.
        suite: the one that is made of it, in `folder`.
        source: of the photos.
        photos: the other photos.
        todo: runs of the board with the cells that test them on the new photos.
        done: how many of these are there already.
        left_out: why something on the board cannot be tested, a message each.
        told: remarks on the photos, to print.
        mean_ab: mean color of the photos that were trained on, when those are at hand.
    """

    board: Board
    suite: Suite
    folder: Path
    source: str | None
    photos: PhotoSet
    todo: tuple[tuple[Run, Cell], ...]
    done: int
    left_out: tuple[str, ...]
    told: tuple[str, ...]
    mean_ab: tuple[float, float] | None = None


@dataclass(frozen=True)
class RetestReport:
    """What was done: records written now, those that were there, messages about what was not possible, the board."""

    folder: Path
    records: tuple[Record, ...]
    done: int
    left_out: tuple[str, ...]
    board: Path | None


def plan_retest(
    folder: Path | str,
    source: str | Path | None,
    name: str,
    *,
    dataset: str | None = None,
    metrics: Sequence[str] | None = None,
    train_source: str | Path | None = None,
    sizes: Sequence[int] = (),
    on_photos: Callable[[int, int], None] | None = None,
) -> RetestPlan:
    """Look at a finished board and at the other photos; test nothing yet.

    Args:
        folder: of the board, such as `runs/mini`.
        source: the other photos: a folder or a hub id.
        name: of this test set: the new board is called `<suite>-<name>` and lies beside the old one.
        dataset: a key of DATASETS; default `folder`, or `hub` when there is no such folder.
        metrics: default the suite's.
        train_source: the photos that the board was trained on. Only baselines such as mean-ab ask for them; by default
            they are looked for where the run found them.
        sizes: sides in pixels, from 16, at which the generators are to see each photo; each gives entries of its own, and
            all are scored at the largest of these and the board's size. Default: as they were trained.

    Raises:
        FileNotFoundError: no board in `folder`. KeyError: an unknown metric.
        ValueError: no checkpoint there, unusable photos, or a name that another board has.
    """
    from colorbench.training.retest import load_all_photos

    folder = Path(folder)
    board = read_board(folder)
    before = read_written_suite(folder / SUITE)
    _check_trained(board)
    protocol = _protocol(before.protocol, source, dataset, sizes)
    photos, data_hash, usage = load_all_photos(protocol, source, on_photos)
    suite = _suite(before, protocol, name, len(photos), metrics, sizes)
    place = folder.resolve().parent / suite.name
    _check_free(place, data_hash)
    reasons = [(run, _why_not(run)) for run in board.runs]
    pairs = [
        (run, _cell(run, suite, data_hash, size))
        for run, reason in reasons
        if not reason
        for size in (sizes if sizes and not run.record.cell.is_baseline else (None,))
    ]
    waiting = [pair for pair in pairs if not _is_done(*pair, place.parent, suite.metrics)]
    left_out = [f"{run.name}: {reason}" for run, reason in reasons if reason]
    mean_ab, told = _training_photos(board, train_source, photos)
    return RetestPlan(
        board=board,
        suite=suite,
        folder=place,
        source=None if source is None else str(source),
        photos=photos,
        todo=tuple(waiting),
        done=len(pairs) - len(waiting),
        left_out=tuple(left_out),
        told=(usage, *told),
        mean_ab=mean_ab,
    )


def _why_not(run: Run) -> str:
    """Why a run cannot be tested on other photos; "" when it can."""
    if run.record.origin != "harness":
        return "submitted pictures, no checkpoint"
    row = BASELINES.get(run.record.cell.recipe.generator)
    if run.record.cell.is_baseline and row is not None and row.needs_truth:
        return "the distribution of colors is unknown for photos"
    return ""


def retest(
    plan: RetestPlan,
    *,
    device: str | None = None,
    executor: Executor | None = None,
    plugins: Sequence[str | Path] = (),
    on_cell: Callable[[str, int, int], None] = lambda name, done, total: None,
    build: bool = True,
) -> RetestReport:
    """Test what the plan says, each cell in a process of its own, then build the new board. Stopped, the same call goes on.

    Args:
        device: default every GPU, else the CPU.
        executor: default LocalExecutor on that device.
        plugins: plug-in files.
        on_cell: told `(name, started, all)` when a cell starts.
        build: write tables, plots and pages at the end.
    """
    write_atomically(plan.folder / SUITE, (plan.suite.model_dump_json(indent=1) + "\n").encode())
    write_references(plan.folder / REFERENCES, plan.photos)
    started: list[Path] = []
    ended: list[Path] = []

    def tell(event: Event) -> None:
        if event.kind == "start":
            on_cell(event.job.name, len(started), len(plan.todo))
            started.append(event.job.folder)
        elif event.kind == "end":
            ended.append(event.job.folder)

    executor = executor or LocalExecutor(find_devices(device))
    jobs = [_job(plan, run, cell, plugins) for run, cell in plan.todo]
    problems = executor.execute(jobs, tell) if jobs else []
    records = tuple(read_record(folder / RECORD) for folder in ended)
    made = _board(plan) if build and (records or plan.done) else None
    return RetestReport(plan.folder, records, plan.done, (*plan.left_out, *problems), made)


def _job(plan: RetestPlan, run: Run, cell: Cell, plugins: Sequence[str | Path]) -> Job:
    return Job(
        folder=plan.folder.parent / cell.folder,
        cell=cell,
        metrics=plan.suite.metrics,
        source=plan.source and absolute_source(plan.source),
        plugins=tuple(str(Path(plugin).resolve()) for plugin in plugins),
        retest=Retest(str(run.folder.resolve()), _about(run, plan), plan.mean_ab),
    )


def _board(plan: RetestPlan) -> Path:
    from colorbench.leaderboard import build

    return build(plan.folder)


def _about(run: Run, plan: RetestPlan) -> str:
    what = "A baseline" if run.record.cell.is_baseline else "The finished generator"
    return (
        f"{what} of {plan.board.name} (cell {run.record.key[:12]}) on {len(plan.photos)} other photos; "
        "cost and environment are those of its training."
    )


def _check_trained(board: Board) -> None:
    """Raise ValueError for a board that is a retest, or that has no checkpoints."""
    if any(run.record.cell.retest_of for run in board.runs):
        raise ValueError(f"{board.name} is a retest itself; give the folder of the board that was trained")
    trained = [run for run in board.runs if run.record.status == "done" and not run.record.cell.is_baseline]
    if trained and not any((run.folder / CHECKPOINT).is_file() for run in trained):
        raise ValueError(
            f"no {CHECKPOINT} below {board.folder}; a retest needs the folder that `colorbench run` wrote, "
            "not a published copy of its records"
        )


def _protocol(before: Protocol, source: str | Path | None, dataset: str | None, sizes: Sequence[int] = ()) -> Protocol:
    if dataset is None:
        dataset = "folder" if source is None else dataset_of(source)
    if wrong := [size for size in sizes if not 16 <= size <= 4096]:
        raise ValueError(f"sizes are sides from 16 to 4096 px, got {wrong[0]}")
    side = max(before.size_px, *sizes) if sizes else before.size_px
    return before.model_copy(update={"dataset": dataset, "limit_test": None, "size_px": side})


def _suite(
    before: Suite, protocol: Protocol, name: str, count: int, metrics: Sequence[str] | None, sizes: Sequence[int] = ()
) -> Suite:
    from colorbench.metrics import METRICS

    wanted = tuple(metrics or before.metrics)
    if unknown := [key for key in wanted if key not in METRICS]:
        raise unknown_name("metric", unknown[0], METRICS)
    note = f"The generators of {before.name}, as they were trained there, tested on {count} other photos ({name})."
    if sizes:
        note += f" They saw each photo at sides of {', '.join(map(str, sizes))} px; the photos have {protocol.size_px}."
    facts = {
        "name": f"{before.name}-{name}",
        "title": f"{before.title} · tested on {name}",
        "note": " ".join(part for part in (note, before.note) if part),
        "protocol": protocol,
        "metrics": wanted,
        "pictures": True,
        "primary": before.primary if before.primary in wanted else wanted[0],
    }
    try:
        return Suite(**{**dict(before), **facts})
    except ValidationError:
        raise ValueError(
            f"{facts['name']!r} cannot name a board: use small letters, digits and -, at most 60 in all, such as --name kodak"
        ) from None


def _cell(run: Run, suite: Suite, data_hash: str, size_px: int | None = None) -> Cell:
    old = run.record.cell
    recipe = old.recipe
    if size_px is not None:
        recipe = Recipe(**{**dict(recipe), "size_px": size_px, "name": sized_name(recipe.label, size_px)})
    return Cell(
        suite=suite.name, protocol=suite.protocol, recipe=recipe, seed=old.seed, data_hash=data_hash, retest_of=old.key
    )  # fmt: skip


def _check_free(place: Path, data_hash: str) -> None:
    """Raise ValueError if the new board's folder holds something else."""
    for path in record_files(place):
        cell = read_record(path).cell
        if cell.retest_of is None or cell.data_hash != data_hash:
            what = "a board of its own" if cell.retest_of is None else "a retest on other photos, or on changed ones"
            raise ValueError(f"{place} holds {what}: choose another --name, or remove that folder")
    if any(read_job(path.parent).retest is None for path in place.glob(f"*/seed-*/{JOB}")):
        raise ValueError(f"{place} holds a run that has no record yet: choose another --name")


def _is_done(run: Run, cell: Cell, out: Path, metrics: Sequence[str]) -> bool:
    state = state_of(cell, out)
    if state.name == "foreign":
        raise ValueError(f"{out / cell.folder} holds the test of another cell: choose another --name, or remove it")
    if state.name != "done" or state.record is None:
        return False
    if state.record.files.get(CHECKPOINT) != run.record.files.get(CHECKPOINT):
        raise ValueError(f"{out / cell.folder} tested another checkpoint of this cell: remove it, and run this again")
    return set(metrics) <= set(state.record.scores)


def _training_photos(
    board: Board, source: str | Path | None, photos: PhotoSet
) -> tuple[tuple[float, float] | None, list[str]]:
    """`(mean_ab, remarks)`: what baselines need from the training photos, and whether any of them are among the new ones."""
    import torch

    from colorbench.data import load_protocol_photos
    from colorbench.training.setup import split_statistics
    from colorbench.training.train import check_photos

    cell, given = board.runs[0].record.cell, source is not None
    try:
        old = load_protocol_photos(cell.protocol, source if given else source_of(board.folder))
        check_photos(cell, old)
    except (ValueError, KeyError, OSError) as error:
        if given:
            raise
        return None, [
            f"the photos that {board.name} was trained on were not found ({error}); give them with --train-data"
        ]
    known = {name[:16] for name in old.train.ids} & {name[:16] for name in photos.ids}
    told = [f"{len(known)} of these photos were in the training set: their scores are too good"] if known else []
    a, b = split_statistics(old.train, torch.device("cpu")).mean_ab.tolist()
    return (a, b), told


def source_of(folder: Path) -> str | None:
    """The source of a suite's photos, from its job files, which stay on the machine that ran it."""
    for path in sorted(folder.glob(f"*/seed-*/{JOB}")):
        return read_job(path.parent).source
    return None
