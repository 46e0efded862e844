"""One step is plain torch: gradients, micro-batches, who trains in which phase, and a state that goes on as it was."""

import copy

import pytest
import torch

from colorbench.batch import Batch
from colorbench.cell import Optimizer, Phases, Recipe
from colorbench.losses import build_loss
from colorbench.training.heads import Forward
from colorbench.training.trainer import Diverged, Trainer
from tests.training.cells import small_cell
from tests.training.failing import OneConvolution

CONSTANT = {"lr": 0.01, "schedule": "constant", "warmup_share": 0.0}
CYCLE = "cycle(width=4, blocks=1, layers=1, pool=3)"


@pytest.fixture
def photos():
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (4, 3, 16, 16), generator=draw, dtype=torch.uint8)


def trainer_of(loss="l1", micro_batch=None, start=0, phases=None, **optimizer) -> Trainer:
    """A trainer of one convolution, which mixes no photos as a batch norm would."""
    recipe = Recipe(
        generator="unet", loss=loss, optimizer=Optimizer(**(CONSTANT | optimizer)), phases=phases or Phases()
    )
    cell = small_cell(recipe=recipe)
    torch.manual_seed(start)
    objective = build_loss(loss)
    return Trainer(Forward(OneConvolution(), "ab", cell), objective, cell, micro_batch)


def weights(module) -> list:
    return [parameter.detach().clone() for parameter in module.parameters()]


@pytest.mark.parametrize("clip_norm", [None, 0.01])
def test_steps_are_those_of_plain_torch(photos, clip_norm):
    trainer = trainer_of(clip_norm=clip_norm)
    plain = copy.deepcopy(trainer.model)
    optimizer = torch.optim.AdamW(plain.parameters(), lr=0.01, betas=(0.9, 0.99), weight_decay=0.01)
    truth = Batch.from_rgb(photos)
    for _ in range(3):
        loss = (plain(truth.gray).tanh() - truth.ab / 110).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(plain.parameters(), clip_norm)
        optimizer.step()
        parts = trainer.step(photos, 0.5)
        torch.testing.assert_close(parts["l1"], loss.detach())
    torch.testing.assert_close(weights(trainer.model), weights(plain))
    assert trainer.step_count == 3


@pytest.mark.parametrize("size", [1, 3])
def test_micro_batches_add_up_to_the_batch(photos, size):
    whole, split = trainer_of(), trainer_of(micro_batch=size)
    for _ in range(2):
        torch.testing.assert_close(split.step(photos, 0.5), whole.step(photos, 0.5))
    torch.testing.assert_close(weights(split.model), weights(whole.model))


def test_each_phase_trains_its_own(photos):
    phases = Phases(plan="pretrain-then-adversarial", pretrain_share=0.5, critic_share=0.25)
    trainer = trainer_of("100*l1 + patchgan(width=4, layers=1)", phases=phases)
    moved = []
    for share in (0.1, 0.6, 0.9):
        before = weights(trainer.model), weights(trainer.critics[0].network)
        parts = trainer.step(photos, share)
        after = weights(trainer.model), weights(trainer.critics[0].network)
        moved.append([not torch.equal(one[0], other[0]) for one, other in zip(before, after)])
        assert ("patchgan" in parts) == (share > 0.5)
    assert moved == [[True, False], [False, True], [True, True]]


@pytest.mark.parametrize("loss", ["100*l1 + patchgan(width=4, layers=1)", CYCLE])
def test_a_loaded_state_goes_on_bit_for_bit(photos, loss):
    first = trainer_of(loss, ema=0.9)
    for _ in range(2):
        first.step(photos, 0.5, photos.flip(0))
    second = trainer_of(loss, start=1, ema=0.9)
    second.load(copy.deepcopy(first.state()))
    for trainer in (first, second):
        for _ in range(2):
            trainer.step(photos, 0.5, photos.flip(0))
    torch.testing.assert_close(second.state(), first.state(), rtol=0, atol=0)


def test_the_average_is_what_is_kept(photos):
    trainer = trainer_of(ema=0.999)
    start = trainer.model.only.weight.detach().clone()
    trainer.step(photos, 0.5)
    torch.testing.assert_close(trainer.final_state()["only.weight"], start / 11 + trainer.model.only.weight * 10 / 11)
    assert torch.equal(trainer_of().final_state()["only.weight"], start)


def test_rates_follow_the_schedule_for_critics_too(photos):
    trainer = trainer_of("l1 + patchgan(width=4, layers=1)", schedule="linear")
    trainer.step(photos, 0.75)
    assert trainer.rate == pytest.approx(0.0025)
    assert trainer.critic_optimizers[0].param_groups[0]["lr"] == pytest.approx(2e-4 / 4)


def test_the_logged_loss_is_the_weighted_sum(photos):
    trainer = trainer_of("10*l1 + 0.5*mse")
    parts = trainer.step(photos, 0.5)
    told = trainer.read_loss(parts)
    assert told["loss"] == pytest.approx(10 * parts["l1"].item() + 0.5 * parts["mse"].item())
    assert told["parts"].keys() == {"l1", "mse"}


def test_a_loss_that_is_no_number_is_noticed(photos):
    trainer = trainer_of()
    trainer.step(photos, 0.5)
    trainer.check_health()
    torch.nn.init.constant_(trainer.model.only.bias, float("nan"))
    trainer.step(photos, 0.5)
    with pytest.raises(Diverged, match="step 2"):
        trainer.check_health()
