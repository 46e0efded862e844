"""Many cells without training, through the real plan, job files, local executor, records and states."""

from collections import Counter

from colorbench.files import JOB
from colorbench.grid.executors import LocalExecutor
from colorbench.grid.plan import plan_run
from colorbench.grid.run import run
from colorbench.grid.state import cell_statuses
from colorbench.running import plan_rows
from tests.grid.noop import NoProcess, many_cells


def test_two_hundred_cells_once_each_and_not_again(tmp_path):
    suite, events = many_cells(200), Counter()
    executor = LocalExecutor(["cpu"] * 40, spawn=NoProcess)

    def count(event):
        events[event.kind, event.job.folder] += 1

    report = run(suite, out=tmp_path, executor=executor, on_event=count, build=False)
    assert report.problems == ()
    assert report.ran == len(report.records) == 200
    assert len({record.key for record in report.records}) == 200
    assert set(events.values()) == {1}
    assert Counter(kind for kind, _ in events) == {"start": 200, "end": 200}
    assert len(list(tmp_path.rglob(JOB))) == 200
    assert Counter(row.state for row in cell_statuses(tmp_path)) == {"done": 200}
    plan = plan_run(suite, out=tmp_path)
    assert plan.todo == []
    assert len(plan_rows(plan)) == 200
    assert run(suite, out=tmp_path, executor=executor, build=False).ran == 0


def test_a_missing_record_is_the_only_one_run_again(tmp_path):
    suite, executor = many_cells(100), LocalExecutor(["cpu"] * 7, spawn=NoProcess)
    report = run(suite, out=tmp_path, executor=executor, build=False)
    (tmp_path / report.records[41].cell.folder / "record.json").unlink()
    again = run(suite, out=tmp_path, executor=executor, build=False)
    assert again.ran == 1
    assert [record.key for record in again.records] == [record.key for record in report.records]
