"""On a real GPU: one step is that of the CPU, and a captured step is the step. Skipped where there is none."""

from functools import wraps

import numpy as np
import pytest
import torch

from colorbench.cell import Phases
from colorbench.features import WeightsMissing
from colorbench.tensors import float32_on_gpu
from colorbench.training.trainer import Trainer
from tests.gpu.scores import by_metric, scored
from tests.gpu.steps import SMALL_GRADIENTS, arguments, cells_of, distance, one_step, smooth_pixels, trainer_on

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

SHARES = (0.05, 0.1, 0.3, 0.5, 0.8, 0.95)
CELLS = cells_of() if torch.cuda.is_available() else {}
GAN = next((label for label in CELLS if "patchgan" in label), "")


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return smooth_pixels()


def skipped_without_weights(function):
    """Some losses load their networks at the first step, so whatever builds or steps a trainer may lack weights."""

    @wraps(function)
    def called(*arguments, **options):
        try:
            return function(*arguments, **options)
        except WeightsMissing as error:
            pytest.skip(str(error).split(":")[0])

    return called


@skipped_without_weights
def six_steps(cell, pixels, *, captured: bool, micro_batch=None) -> tuple[list[dict[str, float]], Trainer]:
    trainer, losses = trainer_on("cuda", cell, pixels, micro_batch), []
    for step, share in enumerate(SHARES):
        photos, *others = arguments(trainer, pixels, step)
        if captured and trainer.needs_preparing(photos, share):
            trainer.prepare(photos, share, *others)
        losses.append({key: float(value) for key, value in trainer.step(photos, share, *others).items()})
    return losses, trainer


@pytest.mark.parametrize("label", CELLS)
@skipped_without_weights
def test_a_step_is_that_of_the_cpu(label, pixels):
    with float32_on_gpu("ieee"):
        (loss, norms), (loss_on_gpu, norms_on_gpu) = (one_step(on, CELLS[label], pixels) for on in ("cpu", "cuda"))
    assert distance(loss, loss_on_gpu) < 1e-3
    # siggraph17's first layer is off by 5.4 % on an H100
    assert distance(norms, norms_on_gpu, SMALL_GRADIENTS) < (0.1 if label.startswith("siggraph17") else 0.05)


VARIANTS = {
    "phases": {"phases": Phases(plan="pretrain-then-adversarial", pretrain_share=0.2, critic_share=0.2)},
    "hinge": {"loss": "100*l1 + patchgan(mode='hinge')"},
    "wgan-gp": {"loss": "100*l1 + patchgan(mode='wgan-gp')"},
}


@pytest.mark.parametrize("label", [*CELLS, *VARIANTS])
def test_a_captured_step_is_the_step(label, pixels):
    cell = CELLS.get(label) or CELLS[GAN]
    if label in VARIANTS:
        cell = cell.model_copy(update={"recipe": cell.recipe.model_copy(update=VARIANTS[label])})
    with float32_on_gpu("ieee"):
        (first, _), (second, _) = (six_steps(cell, pixels, captured=False) for _ in range(2))
        found, trainer = six_steps(cell, pixels, captured=True)
    noise = max(map(distance, first, second))  # of the device's own atomics
    assert max(map(distance, first, found)) < max(2e-3, 5 * noise)
    assert bool(trainer.captured.refused) == ("cycle" in label)  # its image pool decides on the host


def test_the_host_may_not_steer_a_captured_step(pixels):
    cell = next(iter(CELLS.values()))
    trainer = trainer_on("cuda", cell, pixels)
    forward, draw = trainer.model.forward, np.random.default_rng(0)
    trainer.model.forward = lambda gray: forward(gray) * float(draw.random())
    trainer.prepare(*arguments(trainer, pixels, 0), 0.5)
    assert "the captured step has the loss" in trainer.captured.refused


def test_scores_are_those_of_the_cpu(pixels):
    far = by_metric(scored("cpu", pixels), scored("cuda", pixels))
    assert len(far) > 10
    assert {key: value for key, value in far.items() if value > 1e-3} == {}
