"""What a run reports while it trains (`curve.jsonl`, `progress.json`), and what it has used so far (`Costs`)."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from colorbench.files import CURVE, PROGRESS, clear_for_file, read_file, write_run_file
from colorbench.record import Attempt, Cost

TELL_SECONDS = 0.5  # between two reports of progress in one phase


class RunLog:
    """Writes the curve, one JSON line per entry, and the progress, a small file that is replaced now and then."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._told, self._phase = 0.0, ""
        self._curve: TextIO | None = None

    def tell(self, phase: str, share: float = 0.0, **facts: float | int | str | None) -> None:
        """Report the phase and the share of the budget that is used. The file is not fsynced: losing it does no harm."""
        now = time.monotonic()
        if phase == self._phase and now - self._told < TELL_SECONDS:
            return
        self._told, self._phase = now, phase
        told = {"phase": phase, "share": round(share, 4), "pid": os.getpid(), "time": time.time(), **facts}
        write_run_file(self.folder / PROGRESS, json.dumps(told).encode(), durable=False)

    def start_curve(self, step: int) -> None:
        """Open the curve. Drop damaged lines, and those from `step` on: a lost attempt wrote them."""
        path = self.folder / CURVE
        clear_for_file(path)
        lines = read_file(path).splitlines(keepends=True) if path.exists() else []
        path.write_bytes(b"".join(line for line in lines if _step(line) < step))
        self._curve = path.open("a")

    def add(self, step: int, share: float, *, images: int, seconds: float, loss: float, parts: dict, lr: float) -> None:
        """Write one line of the curve and flush it, so that others can watch. `parts` of the loss are without their weights."""
        line = {"step": step, "images": images, "seconds": round(seconds, 4), "loss": loss, "parts": parts, "lr": lr}
        if self._curve is None:
            raise ValueError("the curve is not open: call start_curve first")
        self._curve.write(json.dumps(line) + "\n")
        self._curve.flush()
        self.tell("training", share, step=step, loss=loss, seconds=round(seconds, 2))

    def close_curve(self) -> None:
        if self._curve is not None:
            self._curve.close()
            self._curve = None


def _step(line: bytes) -> float | int:
    """The step of a line; infinite for one that is torn or damaged."""
    try:
        step = json.loads(line)["step"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return float("inf")
    return step if isinstance(step, int) else float("inf")


@dataclass
class Costs:
    """What a cell has used, over all attempts. Kept in the training state.

    `micro_batch` and `streamed` say what fits in memory: photos per forward pass, and that none stay on the GPU.
    """

    train_seconds: float = 0.0
    data_wait_seconds: float = 0.0
    checkpoint_seconds: float = 0.0
    joules: float | None = None
    peak_bytes: int | None = None
    micro_batch: int | None = None
    streamed: bool = False
    exclusive: bool | None = None
    throttled: bool | None = None
    captured: bool | None = None
    attempts: list[dict] = field(default_factory=list)

    def go_on_from(self, saved: "Costs") -> None:
        """Take over a checkpoint's costs; what this attempt found to fit in memory stays."""
        found = {"micro_batch": self.micro_batch or saved.micro_batch, "streamed": self.streamed or saved.streamed}
        vars(self).update(vars(saved) | found)

    def close_attempt(self, start_step: int, end_step: int, seconds: float, ended: str) -> None:
        self.attempts.append({"start_step": start_step, "end_step": end_step, "train_seconds": seconds, "ended": ended})

    def note_killed(self, step: int) -> None:
        """Close the attempt that was killed after it wrote the checkpoint of this step."""
        end = self.attempts[-1]["end_step"] if self.attempts else 0
        if step > end:
            counted = sum(attempt["train_seconds"] for attempt in self.attempts)
            self.close_attempt(end, step, max(0.0, self.train_seconds - counted), "killed")

    @property
    def end_step(self) -> int:
        """Where the last attempt ended."""
        return self.attempts[-1]["end_step"] if self.attempts else 0

    def as_attempts(self) -> tuple[Attempt, ...]:
        return tuple(Attempt(**attempt) for attempt in self.attempts)

    def as_cost(self, *, evaluation_seconds: float, setup_seconds: float) -> Cost:
        facts = {name: value for name, value in vars(self).items() if name in Cost.model_fields}
        if self.exclusive is False:
            facts["joules"] = None  # the meter is the card's, and others used the card
        return Cost(**facts, evaluation_seconds=evaluation_seconds, setup_seconds=setup_seconds)
