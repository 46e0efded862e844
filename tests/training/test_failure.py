"""Failures that another process writes down."""

from pathlib import Path

import pytest
import torch

from colorbench.cell import Recipe
from colorbench.record import read_record
from colorbench.training.environment import describe_environment
from colorbench.training.failure import fail_on_cpu
from colorbench.training.run_log import Costs
from colorbench.training.train import train
from tests.training.cells import small_cell

METRICS = ("psnr",)


def failure_of(cell, folder: Path, **changes):
    environment = describe_environment(torch.device("cpu")).model_copy(update={"gpu": "a card", "float32": "ieee"})
    costs = Costs(train_seconds=2.0, peak_bytes=3, micro_batch=1)
    costs.close_attempt(0, 3, 2.0, "crash")
    facts = {"source": None, "metrics": METRICS, "costs": costs, "environment": environment} | changes
    return fail_on_cpu(cell, folder, "crash", "an illegal memory access", **facts)


def test_the_record_says_what_the_broken_process_knew(tmp_path):
    cell = small_cell().model_copy(update={"steps": 4})
    folder = tmp_path / "cell"
    record = failure_of(cell, folder)
    assert record == read_record(folder / "record.json")
    assert (record.status, record.message, record.key) == ("crash", "an illegal memory access", cell.key)
    assert (record.cost.train_seconds, record.cost.peak_bytes, record.spent.micro_batch) == (2.0, 3, 1)
    assert (record.spent.steps, record.spent.planned_steps) == (3, 4)
    assert (record.environment.gpu, record.environment.float32) == ("a card", "ieee")
    gray = train(small_cell(recipe=Recipe(generator="gray")), tmp_path / "gray", metrics=METRICS, device="cpu")
    assert record.scores == gray.scores


def test_without_its_record_the_cell_stays_open(tmp_path, monkeypatch):
    """The last line of the process that should have written it says why."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho Traceback: >&2\necho OSError: no space left >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    with pytest.raises(OSError, match=r"an illegal memory access.*could not be written: OSError: no space left"):
        failure_of(small_cell(), tmp_path)
    assert not (tmp_path / "record.json").exists()
