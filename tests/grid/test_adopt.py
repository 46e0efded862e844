"""A cell that another suite has done is copied, not trained again."""

from colorbench.cell import Recipe
from colorbench.grid.adopt import adopt_cells
from colorbench.grid.cells import expand_suite
from colorbench.grid.local import LocalExecutor
from colorbench.grid.run import adopt, plan_run, run
from colorbench.grid.state import hold
from tests.grid.test_run import UNET, tiny_suite
from tests.training.cells import small_protocol


def test_the_same_cell_of_another_suite_is_copied_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    first = run(tiny_suite(), out=tmp_path, executor=LocalExecutor(["cpu"]), build=False)
    more = (*tiny_suite().recipes, Recipe(generator="unet", loss="mse", options=UNET))
    second = tiny_suite(name="second", recipes=more)
    plan = plan_run(second, out=tmp_path)
    busy = tmp_path / plan.todo[0].folder
    with hold(busy):
        assert adopt_cells(second, plan.todo[:1], tmp_path) == [], "somebody works there"
    assert busy.is_dir()
    left = adopt(plan)
    assert [cell.recipe.label for cell in plan.todo if cell not in left.todo] == ["gray", "unet+l1"]
    assert left.states == plan_run(second, out=tmp_path).states
    assert [cell.recipe.label for cell in left.todo] == ["unet+mse"]
    records = [state.record for _, state in left.states if state.record]
    assert [record.cell.suite for record in records] == ["second", "second"]
    assert [record.scores for record in records] == [record.scores for record in first.records]
    assert list((tmp_path / "second").rglob(".adopt-*")) == []
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "suite.json").write_text("{")
    longer = tiny_suite(name="longer", protocol=small_protocol(batch=5))
    cells = expand_suite(longer, records[0].data.hash)
    assert adopt_cells(longer, cells, tmp_path) == [], "another protocol is another result"
