"""What is on disk: states of cells, from files alone."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from colorbench.files import (
    CHECKED,
    CHECKPOINT,
    CURVE,
    JOB,
    LOG,
    PREDICTIONS,
    PROGRESS,
    RECORD,
    REFERENCES,
    SAMPLES,
    SCORES,
    TRAINING_STATE,
    hold,
    remove,
)
from colorbench.grid import state
from colorbench.grid.executors import LocalExecutor
from colorbench.grid.plan import plan_run
from colorbench.grid.run import run
from colorbench.grid.state import are_references, cell_statuses, damaged_file, expected_cells, state_of
from colorbench.grid.supervisor import start_worker
from colorbench.grid.worker import DONE, PROBLEM, Job, main, read_job
from colorbench.record import read_record
from colorbench.training.checkpoint import load_generator, load_state
from colorbench.training.run_log import RunLog
from colorbench.training.train import train
from tests.grid.in_process import InProcess
from tests.grid.noop import NoProcess, many_cells
from tests.grid.test_run import tiny_suite
from tests.training.cells import small_cell


def test_new_resumable_done_foreign(tmp_path):
    cell = small_cell()
    assert state_of(cell, tmp_path).name == "new"
    with pytest.raises(KeyboardInterrupt):
        train(cell, tmp_path / cell.folder, metrics=("psnr",), should_stop=lambda: True)
    assert state_of(cell, tmp_path).name == "resumable"
    train(cell, tmp_path / cell.folder, metrics=("psnr",))
    assert state_of(cell, tmp_path).name == "done"
    other = small_cell(batch=2)
    assert other.folder == cell.folder
    assert state_of(other, tmp_path).name == "foreign"


def test_a_torn_record_counts_as_absent(tmp_path):
    cell = small_cell()
    train(cell, tmp_path / cell.folder, metrics=("psnr",))
    path = tmp_path / cell.folder / "record.json"
    path.write_bytes(path.read_bytes()[:200])
    state = state_of(cell, tmp_path)
    assert state.name == "new"
    assert "unreadable record" in state.problem


@pytest.fixture
def out(tmp_path):
    run(many_cells(20), out=tmp_path, executor=LocalExecutor(["cpu"], spawn=NoProcess), build=False)
    return tmp_path


def states(out):
    return {row.name: row.state for row in cell_statuses(out)}


def test_states_follow_the_files(out):
    assert set(states(out).values()) == {"done"}
    assert expected_cells(out) == expected_cells(out / "many") == 20
    folder = out / "many" / "unet+l1" / "seed-3"
    (folder / "record.json").unlink()
    assert states(out)["many/unet+l1/seed-3"] == "waiting"
    RunLog(folder).tell("training", 0.5, step=2, loss=0.25)
    assert states(out)["many/unet+l1/seed-3"] == "interrupted"
    with hold(folder):
        assert states(folder) == {".": "running"}
    (folder / "record.json").write_text("{")
    assert states(out)["many/unet+l1/seed-3"] == "unreadable record"


def test_recorded_cells_are_read_once_and_copies_without_a_job_are_seen(out):
    known = {}
    cell_statuses(out, known)
    assert len(known) == 20
    folder = out / "many" / "unet+l1" / "seed-3"
    (folder / "record.json").write_text("torn since")
    assert {row.state for row in cell_statuses(out, known)} == {"done"}
    (out / "many" / "unet+l1" / "seed-4" / "job.json").unlink()
    assert len(cell_statuses(out)) == 20


def test_a_job_alone_is_waiting(tmp_path):
    Job(tmp_path / "cell", small_cell(), ("psnr",)).write()
    assert states(tmp_path) == {"cell": "waiting"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished")
    assert run(tiny_suite(), out=out, executor=InProcess(), build=False).problems == ()
    return out


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "out")


def flip(path):
    """One bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def picture(folder):
    return min((folder / PREDICTIONS).glob("*.png"))


class Workers:
    """Worker by worker, without their processes."""

    def execute(self, jobs, on_event):
        for job in jobs:
            job.write()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("signal.signal", lambda number, handler: None)
                assert main(job.folder) == DONE
        return []


@pytest.mark.parametrize("name", [PREDICTIONS, SCORES, CHECKPOINT])
def test_a_damaged_cell_is_made_again_as_it_was(copied, name):
    folder = copied / "tiny" / "unet+l1" / "seed-0"
    path = picture(folder) if name == PREDICTIONS else folder / name
    before, record = path.read_bytes(), read_record(folder / RECORD)
    flip(path)
    plan = plan_run(tiny_suite(), out=copied)
    assert [(state.name, state.problem) for _, state in plan.states] == [
        ("done", None),
        ("damaged", f"{name}: not what its record says; made again"),
    ]
    report = run(tiny_suite(), out=copied, executor=Workers(), build=False)
    assert (report.problems, report.ran) == ((), 1)
    assert path.read_bytes() == before
    after = read_record(folder / RECORD)
    assert after.scores == record.scores
    assert (after == record) == (name != CHECKPOINT), "only a cell without its checkpoint is trained again"
    assert plan_run(tiny_suite(), out=copied).todo == []


def put(path, kind, elsewhere):
    """In place of what `path` holds: a folder, a file, a named pipe, or a link to the folder `elsewhere`."""
    remove(path)
    if kind == "folder":
        path.mkdir()
        (path / "another.png").write_bytes(b"")
    elif kind == "file":
        path.write_bytes(b"x")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(elsewhere)


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"kept")
    yield folder
    assert [path.read_bytes() for path in folder.iterdir()] == [b"kept"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, kind) for name in (SCORES, RECORD, CHECKPOINT) for kind in ("folder", "pipe")),
        *((PREDICTIONS, kind) for kind in ("file", "pipe", "link")),
    ],
)
def test_what_took_the_place_of_a_cells_file_is_replaced(copied, elsewhere, name, kind):
    folder = copied / "tiny" / "unet+l1" / "seed-0"
    before = read_record(folder / RECORD)
    put(folder / name, kind, elsewhere)
    report = run(tiny_suite(), out=copied, executor=Workers(), build=False)
    assert (report.problems, report.ran) == ((), 1)
    after = read_record(folder / RECORD)
    assert (after.scores, after.files) == (before.scores, before.files)
    assert damaged_file(folder, after) is None
    assert not (folder / name).is_symlink()
    assert plan_run(tiny_suite(), out=copied).todo == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", [PROGRESS, JOB, CURVE, SAMPLES, CHECKED])
def test_a_folder_in_place_of_what_a_cell_writes_along_the_way_is_replaced(copied, elsewhere, name):
    folder = copied / "tiny" / "unet+l1" / "seed-0"
    before = read_record(folder / RECORD)
    (folder / RECORD).unlink()
    put(folder / name, "folder", elsewhere)
    assert run(tiny_suite(), out=copied, executor=Workers(), build=False).problems == ()
    assert (folder / name).is_file()
    assert read_record(folder / RECORD).scores == before.scores


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_a_worker_writes_its_log_over_what_is_no_file(copied, elsewhere, kind):
    folder = copied / "tiny" / "unet+l1" / "seed-0"
    put(folder / LOG, kind, elsewhere)
    assert start_worker(read_job(folder), {}).wait() == DONE
    assert (folder / LOG).is_file()


def test_a_damaged_baseline_is_made_again(copied):
    folder = copied / "tiny" / "gray" / "seed-0"
    path = picture(folder)
    path.unlink()
    assert damaged_file(folder, read_record(folder / RECORD)) == PREDICTIONS
    run(tiny_suite(), out=copied, executor=Workers(), build=False)
    assert path.is_file()


def test_a_failure_never_replaces_a_record(copied, capsys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    folder = copied / "tiny" / "unet+l1" / "seed-0"
    record = read_record(folder / RECORD)
    job = replace(read_job(folder), folder=folder, fail=("crash", "it died"))
    job.write()
    assert main(folder) == DONE
    flip(folder / CHECKPOINT)
    assert main(folder) == PROBLEM
    assert "the record stays: it died" in capsys.readouterr().err
    assert read_record(folder / RECORD) == record


def test_what_was_removed_to_save_room_is_no_damage(copied):
    folder = copied / "tiny" / "unet+l1" / "seed-0"
    shutil.rmtree(folder / PREDICTIONS)
    (folder / CHECKPOINT).unlink()
    assert plan_run(tiny_suite(), out=copied).todo == []
    (folder / SCORES).unlink()
    assert damaged_file(folder, read_record(folder / RECORD)) == SCORES


def test_pictures_are_read_once(copied, monkeypatch):
    folder = copied / "tiny" / "unet+l1" / "seed-0"
    record = read_record(folder / RECORD)
    assert damaged_file(folder, record) is None
    assert not (folder / CHECKED).exists(), "to look writes nothing"
    run(tiny_suite(), out=copied, executor=InProcess(), build=False)
    assert (folder / CHECKED).is_file()
    monkeypatch.setattr(state, "folder_sha256", None)
    assert damaged_file(folder, record) is None
    os.utime(picture(folder))
    with pytest.raises(TypeError, match="not callable"):
        damaged_file(folder, record)


def test_damaged_references_are_made_again(copied):
    folder = copied / "tiny" / REFERENCES
    pictures = {path.name: path.read_bytes() for path in folder.glob("*.png")}
    flip(min(folder.glob("*.png")))
    (folder / "another.png").write_bytes(b"")
    assert run(tiny_suite(), out=copied, executor=InProcess(), build=False).problems == ()
    assert {path.name: path.read_bytes() for path in folder.glob("*.png")} == pictures


@pytest.mark.parametrize("kind", ["folder", "file", "pipe", "link"])
def test_what_took_the_place_of_the_references_is_replaced(copied, elsewhere, kind):
    folder = copied / "tiny" / REFERENCES
    pictures = {path.name: path.read_bytes() for path in folder.iterdir()}
    put(folder, kind, elsewhere)
    assert run(tiny_suite(), out=copied, executor=InProcess(), build=False).problems == ()
    assert {path.name: path.read_bytes() for path in folder.glob("*.png")} == {
        name: content for name, content in pictures.items() if name != CHECKED
    }
    assert not folder.is_symlink()


def test_other_photos_of_the_same_number_are_not_the_references(tmp_path):
    assert not are_references(tmp_path, ["a"], np.zeros((1, 3, 4, 4), np.uint8))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", [RECORD, SCORES, CHECKPOINT, PREDICTIONS, PROGRESS, CHECKED, TRAINING_STATE])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path, name):
    cell = small_cell()
    folder = tmp_path / cell.folder
    train(cell, folder, metrics=("psnr",))
    damaged_file(folder, read_record(folder / RECORD))
    if (path := folder / name).is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    found = state_of(cell, tmp_path)
    assert found.name == {RECORD: "new", PROGRESS: "done", CHECKED: "done", TRAINING_STATE: "done"}.get(name, "damaged")
    assert len(cell_statuses(tmp_path)) == 1
    if name == CHECKPOINT:
        with pytest.raises(ValueError, match="is no regular file"):
            load_generator(path)
    if name == TRAINING_STATE:
        with pytest.raises(OSError, match="is no regular file: remove it"):
            load_state(folder, cell)
