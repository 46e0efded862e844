"""Diary: what a run tells while it trains, as lines of `curve.jsonl` and as `progress.json`."""

from pathlib import Path

from torch import Tensor

from colorbench.losses import Objective
from colorbench.training.curve import Curve
from colorbench.training.progress import Progress


class Diary:
    """Writes both. Only the first process of a cell has one."""

    def __init__(self, folder: Path, start_step: int, objective: Objective):
        self.progress, self.curve = Progress(folder), Curve(folder / "curve.jsonl", start_step)
        self.weights = dict(zip(objective.names, objective.weights))

    def tell(
        self, step: int, share: float, parts: dict[str, Tensor], *, images: int, seconds: float, lr: float
    ) -> None:
        """One line of the curve; `parts` are the loss's, without their weights."""
        values = {key: float(value) for key, value in parts.items()}
        loss = sum(self.weights.get(key, 0.0) * value for key, value in values.items())
        self.curve.add(step=step, images=images, seconds=round(seconds, 4), loss=loss, parts=values, lr=lr)
        self.progress.tell("training", share, step=step, loss=loss, seconds=round(seconds, 2))

    def close(self) -> None:
        self.curve.close()
