"""Many cells without training, through the real plan, job files, local executor, records and states."""

import dataclasses
from collections import Counter

from colorbench.grid.job import JOB_NAME
from colorbench.grid.local import LocalExecutor
from colorbench.grid.run import plan_run, run
from colorbench.grid.status import cell_statuses
from colorbench.running import plan_rows
from tests.grid.noop import NoProcess, many_cells


def test_five_hundred_cells_once_each_and_not_again(tmp_path):
    suite, events = many_cells(500), Counter()
    executor = LocalExecutor(["cpu"] * 100, spawn=NoProcess)

    def count(event):
        events[event.kind, event.job.folder] += 1

    report = run(suite, out=tmp_path, executor=executor, on_event=count, build=False)
    assert report.problems == ()
    assert report.ran == len(report.records) == 500
    assert len({record.key for record in report.records}) == 500
    assert set(events.values()) == {1}
    assert Counter(kind for kind, _ in events) == {"start": 500, "end": 500}
    assert len(list(tmp_path.rglob(JOB_NAME))) == 500
    assert Counter(row.state for row in cell_statuses(tmp_path)) == {"done": 500}
    plan = plan_run(suite, out=tmp_path)
    assert plan.todo == []
    assert len(plan_rows(plan)) == 500
    assert run(suite, out=tmp_path, executor=executor, build=False).ran == 0


def test_a_missing_record_is_the_only_one_run_again(tmp_path):
    suite, executor = many_cells(100), LocalExecutor(["cpu"] * 7, spawn=NoProcess)
    report = run(suite, out=tmp_path, executor=executor, build=False)
    (tmp_path / report.records[41].cell.folder / "record.json").unlink()
    again = run(suite, out=tmp_path, executor=executor, build=False)
    assert again.ran == 1
    assert [record.key for record in again.records] == [record.key for record in report.records]


def test_expected_time_is_that_of_the_same_recipe_before(tmp_path):
    suite = many_cells(20)
    run(suite, out=tmp_path, executor=LocalExecutor(["cpu"], spawn=NoProcess), build=False)
    wider = suite.model_copy(update={"seeds": 11, "recipes": suite.recipes})
    plan = plan_run(wider, out=tmp_path)
    assert [plan.expected_seconds(cell) for cell in plan.todo] == [1.0, 1.0]
    assert dataclasses.replace(plan, states=()).expected_seconds(plan.todo[0]) is None
