"""The loop: it learns, resumes bit for bit, and keeps the budget."""

import json

import pytest

from colorbench.cell import Budget, Optimizer, Phases, Recipe
from colorbench.files import TRAINING_STATE
from colorbench.suites.budget import count_step
from colorbench.training.train import train
from tests.training.cells import small_cell

METRICS = ("psnr", "delta-e-2000")


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
        assert (tmp_path / "broken" / TRAINING_STATE).exists()
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
    state = tmp_path / "broken" / TRAINING_STATE
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 255
    state.write_bytes(content)
    resumed = train(cell, tmp_path / "broken", metrics=METRICS)
    assert resumed.scores == whole.scores
    assert "does not match its own hash" in resumed.attempts[0].ended


def test_seconds_budget_counts_device_time(tmp_path):
    record = train(small_cell(budget=Budget(kind="seconds", amount=0.3)), tmp_path, metrics=METRICS)
    assert record.cost.train_seconds >= 0.3
    assert record.spent.steps >= 1
    assert record.cost.data_wait_seconds <= record.cost.train_seconds


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


def test_pictures_grow_with_the_budget(tmp_path):
    recipe = Recipe(
        generator="unet", loss="l1", options={"width": 4, "depth": 2}, phases=Phases(sizes_px=(16, 32))
    )  # fmt: skip
    record = train(small_cell(recipe=recipe, size_px=32), tmp_path, metrics=METRICS)
    assert (record.status, record.spent.steps) == ("done", 4)
    small, large = (count_step(recipe, record.cell.protocol, side).flops for side in (16, 32))
    assert record.spent.model_flops == 2 * small + 2 * large
