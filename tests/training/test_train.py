"""train(cell): it learns, it resumes bit for bit, and every way to fail is a status."""

import json

import numpy as np
import pytest
import torch

from colorbench.cell import Budget, Optimizer, Phases, Recipe
from colorbench.features import WeightsMissing
from colorbench.record import read_record
from colorbench.training import loop as loop_module
from colorbench.training.checkpoint import STATE_NAME
from colorbench.training.train import fail, train
from colorbench.training.trainer import Trainer
from tests.training.cells import small_cell


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """As the worker does: whether a kernel is compiled must not depend on the process's age."""
    monkeypatch.setenv("COLORBENCH_COMPILE", "0")


METRICS = ("psnr", "delta-e-2000")


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
    assert STATE_NAME not in names
    newest = max(
        (p for p in tmp_path.rglob("*") if p.is_file() and p.name != "progress.json"),
        key=lambda p: p.stat().st_mtime_ns,
    )
    assert newest.name == "record.json"
    assert all(score.n == 4 and score.value is not None for score in record.scores.values())


def test_training_lowers_the_loss(tmp_path):
    recipe = Recipe(generator="unet", loss="l1", options={"width": 8, "depth": 2}, optimizer=Optimizer(lr=3e-3))
    train(small_cell(recipe=recipe, budget=Budget(kind="steps", amount=60)), tmp_path, metrics=METRICS)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.8 * losses[0]


LOSSES = (
    "l1",
    "100*l1 + patchgan(width=4, layers=1)",
    "classification",
    "cycle(width=4, blocks=1, layers=1, pool=6)",
)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_stopped_run_repeats_an_undisturbed_one_bit_for_bit(tmp_path, loss):
    cell = small_cell(loss, recipe=Recipe(
        generator="unet", loss=loss, options={"width": 4, "depth": 2}, optimizer=Optimizer(ema=0.9)
    ))  # fmt: skip
    whole = train(cell, tmp_path / "whole", metrics=METRICS)
    for steps in (1, 2):
        asked = iter([False] * (steps - 1) + [True])
        with pytest.raises(KeyboardInterrupt):
            train(cell, tmp_path / "broken", metrics=METRICS, should_stop=lambda asked=asked: next(asked))
        assert (tmp_path / "broken" / STATE_NAME).exists()
        assert not (tmp_path / "broken" / "record.json").exists()
    resumed = train(cell, tmp_path / "broken", metrics=METRICS)
    assert resumed.scores == whole.scores
    assert resumed.files == whole.files
    assert [attempt.ended for attempt in resumed.attempts] == ["interrupted", "interrupted", "done"]
    assert sum(a.end_step - a.start_step for a in resumed.attempts) == resumed.spent.steps
    assert resumed.cost.train_seconds == pytest.approx(sum(a.train_seconds for a in resumed.attempts))


def test_a_corrupt_checkpoint_starts_anew_and_says_so(tmp_path):
    cell = small_cell()
    whole = train(cell, tmp_path / "whole", metrics=METRICS)
    with pytest.raises(KeyboardInterrupt):
        train(cell, tmp_path / "broken", metrics=METRICS, should_stop=lambda: True)
    state = tmp_path / "broken" / STATE_NAME
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 255
    state.write_bytes(content)
    resumed = train(cell, tmp_path / "broken", metrics=METRICS)
    assert resumed.scores == whole.scores
    assert "does not match its own hash" in resumed.attempts[0].ended


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


def test_memory_that_does_not_suffice_splits_the_batch_and_is_recorded(tmp_path, monkeypatch):
    real = Trainer._predict

    def small_memory(self, truth):
        if len(truth) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return real(self, truth)

    monkeypatch.setattr(Trainer, "_predict", small_memory)
    record = train(small_cell(eval_batch=1), tmp_path, metrics=METRICS)
    assert record.status == "done"
    assert record.spent.micro_batch == 1
    assert record.spent.images == 16


def test_no_memory_at_all_is_a_status(tmp_path, monkeypatch):
    def none(self, truth):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr(Trainer, "_predict", none)
    record = train(small_cell(), tmp_path, metrics=METRICS)
    assert record.status == "out-of-memory"
    assert "20.00 GiB" in record.message
    assert record.scores["psnr"].value is not None


def test_a_crash_of_the_network_is_a_status(tmp_path, monkeypatch):
    def broken(self, truth):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied\nmore")

    monkeypatch.setattr(Trainer, "_predict", broken)
    record = train(small_cell(), tmp_path, metrics=METRICS)
    assert (record.status, record.message) == ("crash", "RuntimeError: mat1 and mat2 shapes cannot be multiplied")


def test_time_out_is_a_status(tmp_path):
    cell = small_cell(budget=Budget(kind="steps", amount=10**6))
    record = train(cell, tmp_path, metrics=METRICS, timeout_seconds=0.01)
    assert record.status == "timeout"
    assert record.attempts[-1].ended == "timeout"


def test_missing_weights_skip(tmp_path, monkeypatch):
    def missing(*_, **__):
        raise WeightsMissing("vgg16 weights are not here: put them there")

    monkeypatch.setattr(loop_module, "build_trainer", missing)
    record = train(small_cell(), tmp_path, metrics=METRICS)
    assert (record.status, record.message) == ("skipped", "vgg16 weights are not here: put them there")
    assert record.scores == {}


def test_a_full_disk_is_nobodys_result(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop_module, "save_state", full)
    with pytest.raises(OSError, match="No space"):
        train(small_cell(), tmp_path, metrics=METRICS)
    assert not (tmp_path / "record.json").exists()


def test_other_photos_are_not_the_same_cell(tmp_path):
    cell = small_cell().model_copy(update={"data_hash": "0" * 64})
    with pytest.raises(ValueError, match="folder changed since"):
        train(cell, tmp_path, metrics=METRICS)


def test_seconds_budget_counts_device_time(tmp_path):
    record = train(small_cell(budget=Budget(kind="seconds", amount=0.3)), tmp_path, metrics=METRICS)
    assert record.cost.train_seconds >= 0.3
    assert record.spent.steps >= 1
    assert record.cost.data_wait_seconds <= record.cost.train_seconds


def test_fail_records_what_a_dead_process_could_not(tmp_path):
    cell = small_cell()
    with pytest.raises(KeyboardInterrupt):
        train(cell, tmp_path, metrics=METRICS, should_stop=lambda: True)
    record = fail(cell, tmp_path, "crash", "ended by SIGKILL 3 times", metrics=METRICS)
    assert record.status == "crash"
    assert record.generator.parameters > 0
    assert record.spent.steps == 1


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


def test_pretraining_leaves_critics_alone(tmp_path):
    recipe = Recipe(
        generator="unet",
        loss="100*l1 + patchgan(width=4, layers=1)",
        options={"width": 4, "depth": 2},
        phases=Phases(plan="pretrain-then-adversarial", pretrain_share=0.5, critic_share=0.25),
    )
    record = train(small_cell(recipe=recipe, budget=Budget(kind="steps", amount=20)), tmp_path, metrics=METRICS)
    parts = [json.loads(line)["parts"] for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert record.status == "done"
    assert "patchgan" not in parts[0]
    assert "patchgan" in parts[-1]


def test_predictions_on_disk_are_what_was_scored(tmp_path):
    import pandas as pd

    from colorbench.data import load_protocol_photos
    from colorbench.metrics import score
    from colorbench.photo import decode_photo

    cell = small_cell()
    record = train(cell, tmp_path, metrics=METRICS)
    test = load_protocol_photos(cell.protocol, None).test
    frame = pd.read_parquet(tmp_path / "scores.parquet")
    assert list(frame["photo"]) == test.ids
    pictures = np.stack([decode_photo(tmp_path / "predictions" / f"{name}.png") for name in test.ids])
    again = score(
        torch.from_numpy(pictures).permute(0, 3, 1, 2), torch.from_numpy(np.array(test.pixels)), list(METRICS)
    )
    assert np.allclose(again["psnr"], frame["psnr"])
    assert record.scores["psnr"].value == pytest.approx(frame["psnr"].mean())
