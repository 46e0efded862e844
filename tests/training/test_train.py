"""train(cell): what it leaves, and every way it can end."""

import importlib
import re
from pathlib import Path

import pytest
import torch

from colorbench.cell import Budget, Optimizer, Recipe
from colorbench.files import TRAINING_STATE
from colorbench.generators import GENERATORS
from colorbench.generators.row import as_row
from colorbench.record import read_record
from colorbench.training.device import describe_environment
from colorbench.training.run_log import Costs
from colorbench.training.train import fail, fail_on_cpu, train
from tests.training.cells import small_cell
from tests.training.failing import GENERATORS as GENERATORS_THAT_FAIL
from tests.training.failing import OneConvolution

METRICS = ("psnr", "delta-e-2000")


@pytest.fixture
def failing(monkeypatch):
    """A cell of a generator of the plug-in failing.py, which leaves the tables as they were."""
    for key, build in GENERATORS_THAT_FAIL.items():
        monkeypatch.setitem(GENERATORS, key, as_row(key, build))
    return lambda key, **changes: small_cell(recipe=Recipe(generator=key, loss="l1"), **changes)


def test_a_cell_leaves_everything_and_the_record_last(tmp_path):
    cell = small_cell()
    record = train(cell, tmp_path, metrics=METRICS)
    assert record.status == "done"
    assert record.spent.steps == 4
    assert record.spent.images == 16
    assert read_record(tmp_path / "record.json") == record
    names = {path.name for path in tmp_path.iterdir()}
    assert {
        "record.json",
        "scores.parquet",
        "curve.jsonl",
        "checkpoint.safetensors",
        "predictions",
        "samples.png",
    } <= names
    assert TRAINING_STATE not in names
    newest = max(
        (p for p in tmp_path.rglob("*") if p.is_file() and p.name != "progress.json"),
        key=lambda p: p.stat().st_mtime_ns,
    )
    assert newest.name == "record.json"
    assert all(score.n == 4 and score.value is not None for score in record.scores.values())


def test_nan_is_a_result_scored_as_gray(tmp_path):
    recipe = Recipe(
        generator="unet",
        loss="mse",
        options={"width": 4, "depth": 2},
        optimizer=Optimizer(lr=1e30, clip_norm=None, warmup_share=0, schedule="constant"),
    )
    record = train(small_cell(recipe=recipe, budget=Budget(kind="steps", amount=50)), tmp_path / "nan", metrics=METRICS)
    gray = train(small_cell(recipe=Recipe(generator="gray")), tmp_path / "gray", metrics=METRICS)
    assert record.status == "nan"
    assert record.scores == gray.scores
    assert not (tmp_path / "nan" / "checkpoint.safetensors").exists()


def test_memory_that_does_not_suffice_splits_the_batch_and_is_recorded(tmp_path, failing):
    record = train(failing("one-photo-fits", eval_batch=1), tmp_path, metrics=METRICS)
    assert record.status == "done"
    assert record.spent.micro_batch == 1
    assert record.spent.images == 16


def test_no_memory_at_all_is_a_status(tmp_path, failing):
    record = train(failing("nothing-fits"), tmp_path, metrics=METRICS)
    assert record.status == "out-of-memory"
    assert "allocate memory" in record.message
    assert record.scores["psnr"].value is not None


def test_a_crash_of_the_network_is_a_status(tmp_path, failing):
    record = train(failing("wrong-shapes"), tmp_path, metrics=METRICS)
    assert record.status == "crash"
    assert re.match(r"RuntimeError: .*mat1 and mat2 shapes cannot be multiplied", record.message)
    assert "\n" not in record.message
    assert record.generator.parameters > 0


@pytest.mark.parametrize(
    ("generator", "status", "message"),
    [
        ("breaks-when-evaluated", "crash", "ValueError: this layer has no evaluation mode"),
        ("no-room-to-evaluate", "out-of-memory", "CUDA error: out of memory"),
    ],
)
def test_a_network_that_breaks_when_it_is_evaluated_is_a_result(tmp_path, failing, generator, status, message):
    record = train(failing(generator), tmp_path / "cell", metrics=METRICS)
    gray = train(small_cell(recipe=Recipe(generator="gray")), tmp_path / "gray", metrics=METRICS)
    assert (record.status, record.message, record.spent.steps) == (status, message, record.spent.planned_steps)
    assert record.scores == gray.scores
    assert record.generator.parameters > 0
    assert not (tmp_path / "cell" / "checkpoint.safetensors").exists()


def test_a_score_that_breaks_is_not_the_networks_fault(tmp_path, monkeypatch):
    def breaks(*args, **kwargs):
        raise ValueError("a metric is wrong")

    monkeypatch.setattr(importlib.import_module("colorbench.training.evaluate"), "rate_predictions", breaks)
    for recipe in (Recipe(generator="gray"), small_cell().recipe):
        with pytest.raises(ValueError, match="a metric is wrong"):
            train(small_cell(recipe=recipe), tmp_path / recipe.generator, metrics=METRICS)
        assert not (tmp_path / recipe.generator / "record.json").exists()


def test_missing_weights_skip(tmp_path, failing):
    record = train(failing("no-weights"), tmp_path, metrics=METRICS)
    assert (record.status, record.message) == ("skipped", "weights of no-weights are not here: put them there")
    assert record.scores == {}
    assert record.generator.parameters == 20


def test_a_state_that_cannot_be_written_is_nobodys_result(tmp_path, monkeypatch):
    def full(path, content) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("colorbench.training.checkpoint.write_run_file", full)
    with pytest.raises(OSError, match=TRAINING_STATE):
        train(small_cell(), tmp_path, metrics=METRICS, should_stop=lambda: True)
    assert not (tmp_path / "record.json").exists()


def test_a_cell_trains_its_own_steps(tmp_path):
    cell = small_cell(budget=Budget(kind="reference-seconds", amount=8))
    with pytest.raises(ValueError, match="needs a step table"):
        train(cell, tmp_path, metrics=METRICS)
    record = train(cell.model_copy(update={"steps": 3, "provisional": True}), tmp_path, metrics=METRICS)
    assert (record.spent.steps, record.spent.planned_steps, record.spent.provisional) == (3, 3, True)
    assert record.key == cell.key


@pytest.mark.parametrize(("precision", "kind"), [("fp32", "ieee"), ("bf16", "tf32")])
def test_fp32_on_a_gpu_is_ieee_and_so_are_all_scores(tmp_path, monkeypatch, precision, kind):
    seen = set()

    class Looking(OneConvolution):
        def forward(self, gray):
            if not gray.is_meta:
                seen.add(("training" if self.training else "evaluation", torch.backends.cudnn.conv.fp32_precision))
            return super().forward(gray)

    monkeypatch.setitem(GENERATORS, "looking", as_row("looking", Looking))
    before = torch.backends.cudnn.conv.fp32_precision
    record = train(small_cell(recipe=Recipe(generator="looking", loss="l1"), precision=precision), tmp_path)
    assert seen == {("training", kind), ("evaluation", "ieee")}
    assert torch.backends.cudnn.conv.fp32_precision == before
    assert record.environment.float32 is None  # on a CPU there is no choice


def test_time_out_is_a_status(tmp_path):
    cell = small_cell(budget=Budget(kind="steps", amount=10**6))
    record = train(cell, tmp_path, metrics=METRICS, timeout_seconds=0.01)
    assert record.status == "timeout"
    assert record.attempts[-1].ended == "timeout"


def test_other_photos_are_not_the_same_cell(tmp_path):
    cell = small_cell().model_copy(update={"data_hash": "0" * 64})
    with pytest.raises(ValueError, match="folder has changed"):
        train(cell, tmp_path, metrics=METRICS)


def test_fail_records_what_a_dead_process_could_not(tmp_path):
    cell = small_cell()
    with pytest.raises(KeyboardInterrupt):
        train(cell, tmp_path, metrics=METRICS, should_stop=lambda: True)
    record = fail(cell, tmp_path, "crash", "ended by SIGKILL 3 times", metrics=METRICS)
    assert record.status == "crash"
    assert record.generator.parameters > 0
    assert record.spent.steps == 1


def test_a_device_that_does_not_answer_does_not_stop_the_record_of_a_failure(tmp_path):
    record = fail(small_cell(), tmp_path, "crash", "ended by SIGKILL 3 times", metrics=METRICS, device="cuda:99")
    assert (record.status, record.environment.gpu) == ("crash", None)


@pytest.mark.parametrize("baseline", ["gray", "mean-ab", "shuffled-ab", "oracle-quarter", "oracle-bins"])
def test_baselines(tmp_path, baseline):
    record = train(small_cell(recipe=Recipe(generator=baseline)), tmp_path, metrics=METRICS)
    assert record.status == "done"
    assert record.cost.train_seconds == 0
    assert record.generator.parameters == 0


def test_baselines_stand_in_their_order(tmp_path):
    scores = {
        key: train(small_cell(recipe=Recipe(generator=key)), tmp_path / key, metrics=METRICS)
        .scores["delta-e-2000"]
        .value
        for key in ("gray", "oracle-quarter", "oracle-bins")
    }
    assert scores["oracle-quarter"] < scores["gray"]
    assert scores["oracle-bins"] < scores["gray"]


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
