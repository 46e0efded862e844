"""`colorbench run` as people see it: names and messages may hold what looks like markup."""

import pytest

from colorbench import running
from colorbench.grid.run import run
from colorbench.grid.supervisor import Event
from colorbench.running import run_suite
from colorbench.suites import load_suite
from tests.data.conftest import write_photos
from tests.grid.in_process import InProcess
from tests.training.cells import write_suite


@pytest.fixture
def suite(tmp_path):
    return write_suite(tmp_path, title="two [/b] of a kind", head='baselines = ["gray", "mean-ab"]\nrecipes = []')


class OneProblem(InProcess):
    """The last cell is a problem."""

    def execute(self, jobs, on_event):
        problem = f"{jobs[-1].name}: [/b] no such [tag]"
        problems = super().execute(jobs[:-1], on_event)
        on_event(Event("start", jobs[-1]))
        on_event(Event("problem", jobs[-1], 0.0, problem))
        return [*problems, problem]


def test_a_dry_run_then_a_problem_then_the_rest(suite, tmp_path, monkeypatch, capsys):
    options = {
        "source": None,
        "overrides": {},
        "out": tmp_path / "[/b]",
        "executor": "local",
        "device": "cpu",
        "jobs": 1,
    }
    options |= {"plugins": [], "rescore": False}
    assert run_suite(str(suite), dry_run=True, **options) == 0
    assert "two [/b] of a kind" in capsys.readouterr().err
    assert not options["out"].exists(), "a dry run writes nothing"
    monkeypatch.setattr(running, "make_executor", lambda *_, **__: OneProblem())
    assert run_suite(str(suite), dry_run=False, **options) == 1
    said = capsys.readouterr().err
    assert "gray seed 0 recorded (1 of 2)" in said
    assert "mean-ab seed 0: [/b] no such [tag]" in said
    assert "1 of 2 cells are left; the same command goes on from here." in said
    monkeypatch.setattr(running, "make_executor", lambda *_, **__: InProcess())
    assert run_suite(str(suite), dry_run=False, **options) == 0
    assert "2 of 2 cells recorded, 1 run now" in capsys.readouterr().out
    page = options["out"] / "two" / "board" / "index.html"
    built = page.stat().st_mtime_ns
    assert run_suite(str(suite), dry_run=False, **options) == 0
    assert page.stat().st_mtime_ns == built, "nothing has changed, and the board is kept"


def test_what_is_made_again_is_told(suite, tmp_path, capsys):
    out = tmp_path / "out"
    run(load_suite(suite), out=out, executor=InProcess(), build=False)
    min((out / "two" / "gray" / "seed-0" / "predictions").glob("*.png")).write_bytes(b"no picture")
    options = {"source": None, "overrides": {}, "out": out, "executor": "local", "device": "cpu", "jobs": 1}
    run_suite(str(suite), plugins=[], rescore=False, dry_run=True, **options)
    assert "gray seed 0: predictions: not what its record says; made again" in (said := capsys.readouterr()).err
    assert "damaged" in said.out


def test_an_engine_elsewhere_may_have_gpus_that_this_machine_lacks(suite, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    options = {"source": None, "overrides": {}, "out": tmp_path / "out", "jobs": None, "plugins": [], "rescore": False}
    assert run_suite(str(suite), executor="ray", device="cuda", dry_run=True, **options) == 0


def test_every_photo_that_is_skipped_is_named_with_its_reason(suite, tmp_path, capsys):
    photos = write_photos(tmp_path / "photos", range(12), width=160, height=160)
    for name in ("a.png", "[b].png"):
        (photos / name).write_text(f"no picture: {name}")
    options = {
        "source": str(photos),
        "overrides": {},
        "out": tmp_path / "out",
        "executor": "local",
        "device": "cpu",
        "jobs": 1,
    }
    run_suite(str(suite), plugins=[], rescore=False, dry_run=True, **options)
    said = " ".join(capsys.readouterr().err.split())
    for name in ("a.png", "[b].png"):
        assert f"{name} is skipped: not a picture" in said
