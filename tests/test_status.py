"""`colorbench status`: counts of all cells, also of those that nobody started."""

import json
import shutil

import pytest

from colorbench.grid.executors import LocalExecutor
from colorbench.grid.run import run
from colorbench.status import read_status, show_status
from tests.grid.noop import NoProcess, many_cells


@pytest.fixture
def out(tmp_path):
    run(many_cells(20), out=tmp_path, executor=LocalExecutor(["cpu"], spawn=NoProcess), build=False)
    return tmp_path


def test_cells_that_nobody_started_are_counted(out, capsys):
    shutil.rmtree(out / "many" / "unet+l1" / "seed-0")
    status = read_status(out)
    assert status["left"] == 1
    assert status["counts"] == {"done": 19, "waiting": 1}
    assert len(status["cells"]) == 19
    show_status(out, watch=False)
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 19
    assert "20 cells: 19 done, 1 waiting" in said.err
    show_status(out, watch=False, as_json=True)
    assert json.loads(capsys.readouterr().out)["total"] == 20
    with pytest.raises(ValueError, match="absent does not exist; give the --out folder"):
        show_status(out / "absent", watch=False)


def test_an_unreadable_record_is_left_to_make(out):
    (out / "many" / "unet+l1" / "seed-3" / "record.json").write_text("{")
    assert read_status(out)["left"] == 1


def test_watching_ends_when_all_is_recorded(out):
    show_status(out, watch=True)
