"""One training step of every smoke recipe, on a CPU and on a GPU, in every precision."""

from collections.abc import Sequence

import torch

from colorbench.cell import Cell
from colorbench.data import Photos, PhotoSet
from colorbench.data.load import Report
from colorbench.grid.calibrate import cells_to_time
from colorbench.suites import load_suite
from colorbench.training.setup import build_trainer
from colorbench.training.trainer import Trainer

SIDE, BATCH = 64, 4
SMALL_GRADIENTS = 0.05
"""Gradients below this share of the largest are rounding: siggraph17's of 1 % are off by 12 % on a CPU, against float64."""


def smooth_pixels(count: int = 32) -> torch.Tensor:
    """Smooth colors, `(count, 3, SIDE, SIDE)` uint8: on noise batch norm makes gradients of rounding alone."""
    draw = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, 256, (count, 3, 12, 12), generator=draw).float()
    return torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bicubic").clamp(0, 255).byte()


def cells_of(words: Sequence[str] = (), precision: str = "fp32") -> dict[str, Cell]:
    """The smoke recipes whose labels have one of these words, or all, at SIDE px and BATCH photos."""
    changes = {"precision": precision, "size_px": SIDE, "batch": BATCH}
    return {
        cell.recipe.label: cell.model_copy(update={"protocol": cell.protocol.model_copy(update=changes)})
        for cell in cells_to_time(load_suite("smoke"))
        if not words or any(word in cell.recipe.label for word in words)
    }


def trainer_on(device: str, cell: Cell, pixels: torch.Tensor, micro_batch: int | None = None) -> Trainer:
    """Raises WeightsMissing where the loss or the network has none."""
    photos = PhotoSet.from_pixels(pixels.numpy())
    return build_trainer(cell, Photos(photos, photos, "0" * 64, Report(32, 32, 32)), torch.device(device), micro_batch)


def arguments(trainer: Trainer, pixels: torch.Tensor, step: int) -> tuple[torch.Tensor, ...]:
    """What `trainer.step` is shown, without the share of the budget."""
    shown = [pixels[(BATCH * (step + k)) % 28 :][:BATCH].to(trainer.device) for k in range(2)]
    return tuple(shown if trainer.objective.needs == "unpaired" else shown[:1])


def one_step(device: str, cell: Cell, pixels: torch.Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """The parts of the loss, and the norm of every gradient, without dropout. Raises WeightsMissing."""
    trainer, norms = trainer_on(device, cell, pixels), {}
    for module in trainer.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0

    def keep(*ignored) -> None:
        found = trainer.model.named_parameters()
        norms.update({name: p.grad.double().norm().item() for name, p in found if p.grad is not None})

    trainer.optimizer.register_step_pre_hook(keep)
    photos, *others = arguments(trainer, pixels, 0)
    parts = trainer.step(photos, 0.5, *others)
    return {key: float(value) for key, value in parts.items()}, norms


def distance(one: dict[str, float], other: dict[str, float], share: float = 1e-3) -> float:
    """The largest relative difference; values below this share of the largest count as parts of that."""
    floor = share * max(map(abs, one.values()))
    return max(abs(one[key] - other[key]) / max(abs(one[key]), abs(other[key]), floor, 1e-30) for key in one)
