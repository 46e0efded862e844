"""What is on disk: states of cells, from files alone."""

import pytest

from colorbench.files import hold
from colorbench.grid.executors import LocalExecutor
from colorbench.grid.job import Job
from colorbench.grid.run import run
from colorbench.grid.state import cell_statuses, expected_cells, state_of
from colorbench.training.run_log import RunLog
from colorbench.training.train import train
from tests.grid.noop import NoProcess, many_cells
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
