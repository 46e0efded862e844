"""The run log and the costs: what survives a kill, what is dropped."""

import json

import pytest

from colorbench.grid.state import read_progress
from colorbench.training.run_log import Costs, RunLog


def add(log: RunLog, *steps: int) -> None:
    for step in steps:
        log.add(step, step / 100, images=4 * step, seconds=0.5, loss=1.0, parts={"l1": 1.0}, lr=0.1)


def steps_in(folder) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / "curve.jsonl").read_text().splitlines()]


def test_a_resumed_curve_drops_what_was_lost_and_torn_lines(tmp_path):
    log = RunLog(tmp_path)
    log.start_curve(0)
    add(log, 10, 20, 30)
    log.close_curve()
    with (tmp_path / "curve.jsonl").open("a") as file:
        file.write('{"step": 4')
    whole = (tmp_path / "curve.jsonl").read_bytes()
    damaged = b'{"step": "5"}\n{"step": 6, "lo\xff": 1}\n[7]\n' + whole
    (tmp_path / "curve.jsonl").write_bytes(damaged)
    log = RunLog(tmp_path)
    log.start_curve(30)
    add(log, 30, 40)
    log.close_curve()
    assert steps_in(tmp_path) == [10, 20, 30, 40]


def test_a_closed_curve_says_so(tmp_path):
    with pytest.raises(ValueError, match="start_curve first"):
        add(RunLog(tmp_path), 10)


def test_progress_is_rewritten_at_once_when_the_phase_changes(tmp_path, monkeypatch):
    monkeypatch.setattr("colorbench.training.run_log.TELL_SECONDS", 1000.0)
    assert read_progress(tmp_path) is None
    log = RunLog(tmp_path)
    log.tell("set-up")
    log.tell("training", 0.25, step=1)
    log.tell("training", 0.5, step=2)
    told = read_progress(tmp_path)
    assert (told["phase"], told["share"], told["step"]) == ("training", 0.25, 1)
    whole = (tmp_path / "progress.json").read_bytes()
    for damaged in (b"{", b"[1]", b"\xff", whole.replace(b"share", b"shbre"), whole.replace(b'"training"', b"7")):
        (tmp_path / "progress.json").write_bytes(damaged)
        assert read_progress(tmp_path) is None


def test_a_killed_attempt_is_closed_at_its_checkpoint():
    costs = Costs(train_seconds=7.0)
    costs.close_attempt(0, 10, 4.0, "interrupted")
    costs.note_killed(10)
    costs.note_killed(25)
    assert [attempt.ended for attempt in costs.as_attempts()] == ["interrupted", "killed"]
    assert costs.attempts[1] == {"start_step": 10, "end_step": 25, "train_seconds": 3.0, "ended": "killed"}
    assert costs.end_step == 25


def test_saved_costs_are_taken_over_but_for_a_smaller_micro_batch():
    costs = Costs(micro_batch=2)
    costs.go_on_from(Costs(train_seconds=3.0, micro_batch=8))
    assert costs == Costs(train_seconds=3.0, micro_batch=2)
    costs = Costs()
    costs.go_on_from(Costs(micro_batch=8))
    assert costs.micro_batch == 8
