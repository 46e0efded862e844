"""Damaged files of a finished cell, and damaged references: noticed, and made again."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from colorbench.files import CHECKED, CHECKPOINT, PREDICTIONS, RECORD, REFERENCES, SCORES
from colorbench.grid import integrity
from colorbench.grid.integrity import are_references, damaged_file
from colorbench.grid.job import read_job
from colorbench.grid.plan import plan_run
from colorbench.grid.run import run
from colorbench.grid.worker import DONE, PROBLEM, main
from colorbench.record import read_record
from tests.grid.in_process import InProcess
from tests.grid.test_run import tiny_suite


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished")
    assert run(tiny_suite(), out=out, executor=InProcess(), build=False).problems == ()
    return out


@pytest.fixture
def out(finished, tmp_path):
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
                assert main(job.folder, follow_parent=False) == DONE
        return []


@pytest.mark.parametrize("name", [PREDICTIONS, SCORES, CHECKPOINT])
def test_a_damaged_cell_is_made_again_as_it_was(out, name):
    folder = out / "tiny" / "unet+l1" / "seed-0"
    path = picture(folder) if name == PREDICTIONS else folder / name
    before, record = path.read_bytes(), read_record(folder / RECORD)
    flip(path)
    plan = plan_run(tiny_suite(), out=out)
    assert [(state.name, state.problem) for _, state in plan.states] == [
        ("done", None),
        ("damaged", f"{name}: not what its record says; made again"),
    ]
    report = run(tiny_suite(), out=out, executor=Workers(), build=False)
    assert (report.problems, report.ran) == ((), 1)
    assert path.read_bytes() == before
    after = read_record(folder / RECORD)
    assert after.scores == record.scores
    assert (after == record) == (name != CHECKPOINT), "only a cell without its checkpoint is trained again"
    assert plan_run(tiny_suite(), out=out).todo == []


def test_a_damaged_baseline_is_made_again(out):
    folder = out / "tiny" / "gray" / "seed-0"
    path = picture(folder)
    path.unlink()
    assert damaged_file(folder, read_record(folder / RECORD)) == PREDICTIONS
    run(tiny_suite(), out=out, executor=Workers(), build=False)
    assert path.is_file()


def test_a_failure_never_replaces_a_record(out, capsys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    folder = out / "tiny" / "unet+l1" / "seed-0"
    record = read_record(folder / RECORD)
    job = replace(read_job(folder), folder=folder, fail=("crash", "it died"))
    job.write()
    assert main(folder, follow_parent=False) == DONE
    flip(folder / CHECKPOINT)
    assert main(folder, follow_parent=False) == PROBLEM
    assert "the record stays: it died" in capsys.readouterr().err
    assert read_record(folder / RECORD) == record


def test_what_was_removed_to_save_room_is_no_damage(out):
    folder = out / "tiny" / "unet+l1" / "seed-0"
    shutil.rmtree(folder / PREDICTIONS)
    (folder / CHECKPOINT).unlink()
    assert plan_run(tiny_suite(), out=out).todo == []
    (folder / SCORES).unlink()
    assert damaged_file(folder, read_record(folder / RECORD)) == SCORES


def test_pictures_are_read_once(out, monkeypatch):
    folder = out / "tiny" / "unet+l1" / "seed-0"
    record = read_record(folder / RECORD)
    assert damaged_file(folder, record) is None
    assert not (folder / CHECKED).exists(), "to look writes nothing"
    run(tiny_suite(), out=out, executor=InProcess(), build=False)
    assert (folder / CHECKED).is_file()
    monkeypatch.setattr(integrity, "folder_sha256", None)
    assert damaged_file(folder, record) is None
    os.utime(picture(folder))
    with pytest.raises(TypeError, match="not callable"):
        damaged_file(folder, record)


def test_damaged_references_are_made_again(out):
    folder = out / "tiny" / REFERENCES
    pictures = {path.name: path.read_bytes() for path in folder.glob("*.png")}
    flip(min(folder.glob("*.png")))
    (folder / "another.png").write_bytes(b"")
    assert run(tiny_suite(), out=out, executor=InProcess(), build=False).problems == ()
    assert {path.name: path.read_bytes() for path in folder.glob("*.png")} == pictures


def test_other_photos_of_the_same_number_are_not_the_references(tmp_path):
    assert not are_references(tmp_path, ["a"], np.zeros((1, 3, 4, 4), np.uint8))
