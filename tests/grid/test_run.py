"""run(suite): finish, repeat, rescore, refuse; and with real worker processes: kills, a second run, what is not a result."""

import os
import shutil
import signal
import time

import pytest

from colorbench.cell import Budget, Recipe, Suite
from colorbench.files import (
    CURVE,
    JOB,
    LOCK,
    PROGRESS,
    RECORD,
    SAMPLES,
    SUITE,
    TRAINING_STATE,
    hold,
    remove,
    write_atomically,
)
from colorbench.grid import supervisor
from colorbench.grid.executors import LocalExecutor
from colorbench.grid.plan import plan_run
from colorbench.grid.run import adopt, run
from colorbench.grid.supervisor import saved_step
from colorbench.grid.worker import STOPPED, Job, read_job
from colorbench.suites.load import read_written_suite
from tests.grid.in_process import InProcess
from tests.grid.meanwhile import kill, meanwhile, training_workers
from tests.training.cells import small_cell, small_protocol

UNET = {"width": 4, "depth": 2}


def tiny_suite(**changes) -> Suite:
    facts = {
        "name": "tiny",
        "title": "for tests",
        "protocol": small_protocol(),
        "seeds": 1,
        "metrics": ("psnr",),
        "primary": "psnr",
        "baselines": ("gray",),
        "recipes": (Recipe(generator="unet", loss="l1", options=UNET),),
    }
    return Suite(**{**facts, **changes})


def test_run_then_run_again_then_one_more_metric(tmp_path):
    report = run(tiny_suite(), out=tmp_path, executor=InProcess())
    assert report.problems == ()
    assert [record.status for record in report.records] == ["done", "done"]
    assert (tmp_path / "tiny" / "suite.json").exists()
    assert len(list((tmp_path / "tiny" / "references").glob("*.png"))) == 4
    assert (tmp_path / "tiny" / "board" / "index.html").exists()
    again = run(tiny_suite(), out=tmp_path, executor=InProcess(), build=False)
    assert again.ran == 0
    assert again.records == report.records
    more = run(tiny_suite(metrics=("psnr", "delta-e-2000")), out=tmp_path, executor=InProcess(), build=False)
    assert more.ran == 2
    for before, after in zip(report.records, more.records):
        assert after.scores["delta-e-2000"].value > 0
        assert after.scores["psnr"] == before.scores["psnr"]
        assert after.supersedes
        assert after.cost == before.cost
    assert len(list((tmp_path / "tiny").rglob("record-1.json"))) == 2


def test_a_board_is_made_again_only_when_something_has_changed(monkeypatch, tmp_path):
    made = []

    def build(folder, progress=None):
        made.append(folder)
        for name in ("index.html", "table.csv", "table.md"):
            write_atomically(folder / "board" / name, b"a board")
        return folder / "board"

    monkeypatch.setattr("colorbench.leaderboard.build", build, raising=False)
    suite, folder = tiny_suite(recipes=()), tmp_path / "tiny"
    changes = [
        lambda: None,
        lambda: next(folder.glob("*/seed-0/scores.parquet")).touch(),
        lambda: (folder / "README.md").write_text("a story"),
        lambda: (folder / "board" / "table.csv").unlink(),
        lambda: write_atomically(tmp_path / "tiny-kodak" / "board" / "table.md", b"a retest"),
    ]
    for count, change in enumerate(changes, start=1):
        change()
        for _ in range(2):
            assert run(suite, out=tmp_path, executor=InProcess()).board == folder / "board"
        assert len(made) == count


@pytest.fixture
def made(monkeypatch):
    """Folders whose board was built, with a builder that writes one file."""
    folders = []

    def build(folder, progress=None):
        folders.append(folder)
        write_atomically(folder / "board" / "table.md", b"a board")
        return folder / "board"

    monkeypatch.setattr("colorbench.leaderboard.build", build, raising=False)
    return folders


def test_links_that_lead_nowhere_or_in_a_circle_are_no_part_of_what_a_board_is_made_from(tmp_path, made):
    suite, folder = tiny_suite(recipes=()), tmp_path / "tiny"
    run(suite, out=tmp_path, executor=InProcess())
    (folder / "x").symlink_to("x")
    (folder / "y").symlink_to("absent")
    for name in (SAMPLES, PROGRESS, JOB, LOCK, CURVE):
        (folder / "gray" / "seed-0" / name).unlink(missing_ok=True)
        (folder / "gray" / "seed-0" / name).symlink_to(name)
    for _ in range(2):
        report = run(suite, out=tmp_path, executor=InProcess())
        assert (report.problems, report.ran, report.board) == ((), 0, folder / "board")
    assert len(made) == 2, "again once, because samples are gone"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["bytes", "folder", "pipe", "loop"])
def test_a_board_whose_stamp_is_damaged_is_made_again(tmp_path, made, kind):
    suite, stamp = tiny_suite(recipes=()), tmp_path / "tiny" / "board" / ".made-from"
    run(suite, out=tmp_path, executor=InProcess())
    right = stamp.read_bytes()
    stamp.unlink()
    {
        "bytes": lambda: stamp.write_bytes(b"\xe6\x00"),
        "folder": stamp.mkdir,
        "pipe": lambda: os.mkfifo(stamp),
        "loop": lambda: stamp.symlink_to(stamp.name),
    }[kind]()
    for _ in range(2):
        assert run(suite, out=tmp_path, executor=InProcess()).board == stamp.parent
    assert len(made) == 2
    assert stamp.is_file()
    assert len(stamp.read_bytes()) == len(right)


def test_a_suite_may_be_named(tmp_path):
    with pytest.raises(KeyError, match=r"unknown suite 'nimi'; known suites: .*did you mean 'mini'"):
        run("nimi", out=tmp_path)


def test_another_protocol_in_the_same_folder_is_refused(tmp_path):
    run(tiny_suite(recipes=()), out=tmp_path, executor=InProcess(), build=False)
    with pytest.raises(ValueError, match="choose another --out"):
        plan_run(tiny_suite(protocol=small_protocol(batch=2)), out=tmp_path)


@pytest.mark.timeout(900)
def test_a_worker_that_is_killed_three_times_finishes_because_it_got_further_each_time(tmp_path, spawn):
    """kill -9 as soon as the checkpoint has grown: no death is held against the cell."""
    suite = tiny_suite(protocol=small_protocol(budget=Budget(kind="steps", amount=600)), baselines=())
    steps, killed = [0], set()

    def kill_when_it_grew():
        for folder, pid in training_workers(tmp_path):
            if pid not in killed and (step := saved_step(read_job(folder))) > steps[-1]:
                kill(pid)
                killed.add(pid)
                steps.append(step)
        return len(killed) == 3

    with meanwhile(kill_when_it_grew):
        executor = LocalExecutor(["cpu"], spawn=spawn)
        report = run(suite, out=tmp_path, executor=executor, checkpoint_seconds=0.05, build=False)
    assert len(killed) == 3
    assert report.problems == ()
    record = report.records[0]
    assert (record.status, record.spent.steps) == ("done", 600)
    assert [attempt.ended for attempt in record.attempts] == ["killed"] * 3 + ["done"]
    assert sum(attempt.end_step - attempt.start_step for attempt in record.attempts) == 600
    assert record.cost.train_seconds == pytest.approx(sum(attempt.train_seconds for attempt in record.attempts))


def test_removed_photos_are_a_problem_not_a_result(tmp_path, spawn):
    cell = small_cell()
    job = Job(tmp_path / "cell", cell.model_copy(update={"data_hash": "0" * 64}), ("psnr",))
    problems = LocalExecutor(["cpu"], spawn=spawn).execute([job])
    assert len(problems) == 1
    assert "folder has changed" in problems[0]
    assert not (tmp_path / "cell" / RECORD).exists()


@pytest.mark.timeout(900)
def test_two_runs_on_one_cell(tmp_path, monkeypatch, spawn):
    monkeypatch.setattr(supervisor, "BUSY_SECONDS", 1.0)
    cell = small_cell(budget=Budget(kind="steps", amount=10**6))
    job = Job(tmp_path / "cell", cell, ("psnr",), device="cpu")
    job.write()
    first = spawn(job, {})
    try:
        while not (job.folder / CURVE).exists():
            assert first.poll() is None
            time.sleep(0.02)
        problems = LocalExecutor(["cpu"], spawn=spawn).execute([job])
        assert "another process is running this cell" in problems[0]
    finally:
        os.kill(first.pid, signal.SIGINT)
        assert first.wait() == STOPPED
    assert (job.folder / TRAINING_STATE).exists()


def test_the_same_cell_of_another_suite_is_copied_and_no_other(tmp_path):
    first = run(tiny_suite(), out=tmp_path, executor=InProcess(), build=False)
    more = (*tiny_suite().recipes, Recipe(generator="unet", loss="mse", options=UNET))
    second = tiny_suite(name="second", recipes=more)
    plan = plan_run(second, out=tmp_path)
    with hold(tmp_path / plan.todo[0].folder):
        assert [cell.recipe.label for cell in adopt(plan).todo] == ["gray", "unet+mse"], "somebody works on gray"
    left = adopt(plan)
    assert left.states == plan_run(second, out=tmp_path).states
    assert [cell.recipe.label for cell in left.todo] == ["unet+mse"]
    records = [state.record for _, state in left.states if state.record]
    assert [record.cell.suite for record in records] == ["second", "second"]
    assert [record.scores for record in records] == [record.scores for record in first.records]
    assert list((tmp_path / "second").rglob(".adopt-*")) == []
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / SUITE).write_text("{")
    longer = plan_run(tiny_suite(name="longer", protocol=small_protocol(batch=5)), out=tmp_path)
    assert len(adopt(longer).todo) == 2, "another protocol is another result"


class Removing(InProcess):
    """Somebody removes the output folder before the last cell."""

    def __init__(self, folder):
        self.folder = folder

    def execute(self, jobs, on_event):
        def remove(event):
            if event.kind == "start" and event.job == jobs[-1]:
                shutil.rmtree(self.folder)
            on_event(event)

        return super().execute(jobs, remove)


def test_an_output_folder_that_is_removed_in_the_middle_is_a_problem(tmp_path):
    report = run(tiny_suite(), out=tmp_path, executor=Removing(tmp_path / "tiny"), build=False)
    assert report.problems == (
        "gray seed 0: its record was removed while the run went on; the same command makes it again",
    )
    assert [record.cell.recipe.label for record in report.records] == ["unet+l1"]
    again = run(tiny_suite(), out=tmp_path, executor=InProcess(), build=False)
    assert (again.problems, again.ran, len(again.records)) == ((), 1, 2)


def test_a_damaged_suite_file_is_named_with_its_cure(tmp_path):
    run(tiny_suite(recipes=()), out=tmp_path, executor=InProcess(), build=False)
    path = tmp_path / "tiny" / SUITE
    for content in (b"{", b"\xff\xfe", b'{"name": "tiny"}'):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"tiny/suite\.json is damaged .*: remove it, and run the suite again"):
            run(tiny_suite(recipes=()), out=tmp_path, executor=InProcess(), build=False)
    path.unlink()
    for put in (path.mkdir, lambda: os.mkfifo(path)):
        put()
        with pytest.raises(
            ValueError, match=r"tiny/suite\.json is no regular file: remove it, and run the suite again"
        ):
            run(tiny_suite(recipes=()), out=tmp_path, executor=InProcess(), build=False)
        remove(path)
    with pytest.raises(ValueError, match=r"there is no suite\.json in .*tiny; give a suite's folder"):
        read_written_suite(path)
    assert run(tiny_suite(recipes=()), out=tmp_path, executor=InProcess(), build=False).problems == ()
    assert path.is_file()
