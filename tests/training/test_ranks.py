"""Processes of one cell are started, stopped, started again; the failure that means most is the cell's."""

import json
import subprocess
import sys

import pytest
import torch

from colorbench.record import read_record
from colorbench.training import ranks
from colorbench.training.devices import devices_of
from colorbench.training.ledger import Ledger
from colorbench.training.memory import with_smaller_parts
from colorbench.training.train import train
from colorbench.training.trainer import Diverged
from tests.training.cells import small_cell

DONE = "pass"
KILLED = "import os; os.kill(os.getpid(), 9)"
HANGS = "import time; time.sleep(100)"
SAVES = "import pathlib, sys, time\nwhile not pathlib.Path('{stop}').exists(): time.sleep(0.01)\n{note}"


def note(folder, rank, ended, message="so"):
    facts = {"ended": ended, "message": message, "ledger": vars(Ledger(train_seconds=3.0, joules=9.0))}
    path = folder / ranks.FOLDER / f"{rank}.json"
    return f"import sys; open({str(path)!r}, 'w').write({json.dumps(facts)!r}); sys.exit({int(ended != 'done')})"


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Run these scripts as the processes of a cell."""
    monkeypatch.setattr(ranks, "_GRACE_SECONDS", 0.5)

    def run(*scripts, should_stop=lambda: False, ledger=None):
        starts = iter([scripts] if isinstance(scripts[0], str) else scripts)
        monkeypatch.setattr(
            ranks, "_start", lambda *_: [subprocess.Popen([sys.executable, "-c", script]) for script in next(starts)]
        )
        ranks._run(tmp_path, {"devices": ["cpu", "cpu"]}, ledger or Ledger(), should_stop)

    return run


def test_all_done_leaves_nothing_but_the_first_ones_ledger(tmp_path, play):
    ledger = Ledger(joules=1.0)
    play(note(tmp_path, 0, "done"), DONE, ledger=ledger)
    assert (ledger.train_seconds, ledger.joules) == (3.0, 1.0)
    assert not (tmp_path / ranks.FOLDER).exists()


def test_a_failure_ends_those_that_wait_for_it(tmp_path, play):
    with pytest.raises(Diverged, match="not finite"):
        play(HANGS, note(tmp_path, 1, "Diverged", "not finite"))


def test_what_a_process_saw_of_anothers_failure_does_not_count(tmp_path, play):
    lost = note(tmp_path, 0, "RuntimeError", "connection closed")
    with pytest.raises(torch.OutOfMemoryError):
        play(lost, note(tmp_path, 1, "OutOfMemoryError"))
    with pytest.raises(ranks.RankKilled, match="process 1 of 2 was ended by signal 9"):
        play(lost, KILLED)
    with pytest.raises(ranks.RankFailed, match="process 0 of 2: RuntimeError: connection closed"):
        play(lost, HANGS)


def test_asked_to_stop_they_save(tmp_path, play):
    saves = SAVES.format(stop=tmp_path / ranks.FOLDER / ranks.STOP, note=note(tmp_path, 0, "KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        play(saves, saves, should_stop=lambda: True)


def test_those_that_do_not_stop_are_ended(play, monkeypatch):
    monkeypatch.setattr(ranks, "_STOP_SECONDS", 0.2)
    with pytest.raises(KeyboardInterrupt, match="did not save in time"):
        play(HANGS, HANGS, should_stop=lambda: True)


def test_parts_get_smaller_until_they_fit():
    ledger, tried = Ledger(), []

    def attempt():
        tried.append(ledger.micro_batch)
        if len(tried) < 3:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with_smaller_parts(attempt, ledger, 8)
    assert tried == [None, 4, 2]


@pytest.mark.parametrize(
    ("device", "processes", "names"),
    [
        ("cpu", 1, ["cpu"]),
        ("cpu", 3, ["cpu"] * 3),
        ("cuda:1", 2, ["cuda:1", "cuda:2"]),
        ("cuda", 2, ["cuda:0", "cuda:1"]),
        ("cuda:0,cuda:3", 1, ["cuda:0", "cuda:3"]),
    ],
)
def test_devices(device, processes, names):
    assert [str(each) for each in devices_of(device, processes)] == names


def test_devices_that_do_not_fit():
    with pytest.raises(ValueError, match="3 processes on the devices cuda:0,cuda:1"):
        devices_of("cuda:0,cuda:1", 3)
    with pytest.raises(ValueError, match="0 processes"):
        devices_of("cpu", 0)


def test_a_batch_needs_equal_shares(tmp_path):
    with pytest.raises(ValueError, match="batch of 4 has no equal shares for 3 processes"):
        train(small_cell(), tmp_path, device="cpu", processes=3)


def test_two_processes_give_a_record(tmp_path, monkeypatch):
    pytest.importorskip("lightning_fabric", reason="needs the extra ddp")
    monkeypatch.setenv("COLORBENCH_COMPILE", "0")
    monkeypatch.setenv("JAXTYPING_DISABLE", "1")
    record = train(small_cell(), tmp_path, metrics=("psnr",), device="cpu", processes=2)
    assert (record.status, record.message) == ("done", "")
    assert record.environment.processes == 2
    assert (record.spent.steps, record.spent.images) == (4, 16)
    assert record.cost.train_seconds > 0
    assert [attempt.ended for attempt in record.attempts] == ["done"]
    assert read_record(tmp_path / "record.json") == record
    assert not (tmp_path / ranks.FOLDER).exists()
