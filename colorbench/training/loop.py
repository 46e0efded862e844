"""The loop: steps until the budget is used, checkpoints off the clock, micro-batches when memory is short."""

import time
from collections.abc import Callable
from pathlib import Path

import torch

from colorbench.cell import Cell
from colorbench.data import Photos
from colorbench.training.checkpoint import CorruptCheckpoint, load_state, save_state
from colorbench.training.clock import Clock
from colorbench.training.diary import Diary
from colorbench.training.feeds import Feeds
from colorbench.training.ledger import Ledger
from colorbench.training.memory import peak_bytes, with_smaller_parts
from colorbench.training.setup import build_trainer
from colorbench.training.trainer import Trainer

CURVE_EVERY = 10
_CHECKPOINT_SHARE = 20  # a checkpoint is due when training took this many times as long as the last one's writing
_BLOCK = {"cpu": 1, "cuda": 10}  # steps between two looks at the device
_GO_ON, _SAVE, _TIMEOUT, _STOP = range(4)


class TimedOut(RuntimeError):
    """The cell took longer than its suite allows, everything counted."""


def train_loop(
    cell: Cell,
    photos: Photos,
    folder: Path,
    device: torch.device,
    *,
    ledger: Ledger,
    deadline: float | None = None,
    checkpoint_seconds: float = 20.0,
    should_stop: Callable[[], bool] = lambda: False,
) -> Trainer:
    """Train to the end of the budget, resuming what is in `folder`.

    When a step does not fit in memory its batch is split into halves, quarters ... whose gradients add up to the same
    batch; the size is recorded in the ledger.

    Raises:
        Diverged, TimedOut: results. KeyboardInterrupt: after `should_stop()`; the state is saved.
        torch.OutOfMemoryError: one photo at a time does not fit either.
    """

    def attempt() -> Trainer:
        return _Loop(cell, photos, folder, device, ledger).run(deadline, checkpoint_seconds, should_stop)

    return with_smaller_parts(attempt, ledger, cell.protocol.batch)


class _Loop:
    last_save_seconds = 0.0

    def __init__(self, cell, photos, folder, device, ledger: Ledger):
        self.cell, self.folder, self.device, self.ledger = cell, folder, device, ledger
        saved = self._saved()
        self.trainer = build_trainer(cell, photos, device, ledger.micro_batch)
        if saved is not None:
            self.trainer.load(saved["trainer"])
            ledger.note_killed(self.trainer.step_count)
        self.clock = Clock(device, ledger.train_seconds)
        self.start_step, self.start_seconds = self.trainer.step_count, ledger.train_seconds
        self.base_wait = ledger.data_wait_seconds
        self.feeds = Feeds(cell, photos, device)
        self.diary = Diary(folder, self.start_step, self.trainer.objective)
        self.block = _BLOCK.get(device.type, 10)

    def run(self, deadline: float | None, checkpoint_seconds: float, should_stop: Callable[[], bool]) -> Trainer:
        ended, self.last_saved = "crash", time.monotonic()
        self.clock.start()
        try:
            while (share := self._share()) < 1:
                parts = self._step(share)
                step = self.trainer.step_count
                if step % self.block:
                    continue
                if step % CURVE_EVERY == 0:
                    self._report(share, parts)
                verdict = self._verdict(deadline, checkpoint_seconds, should_stop)
                if verdict == _STOP:
                    ended = "interrupted"
                    raise KeyboardInterrupt
                if verdict == _TIMEOUT:
                    ended = "timeout"
                    raise TimedOut(f"not finished within the suite's time for a cell (step {step})")
                if verdict == _SAVE:
                    self.save()
            self.trainer.check_health()
            ended = "done"
            return self.trainer
        finally:
            self._finish(ended)

    def save(self) -> None:
        """Checkpoint, off the clock. A state that is not healthy is never written."""
        self.clock.stop()
        self.trainer.check_health()
        self._settle()
        self._write_state()
        self.last_saved = time.monotonic()
        self.clock.start()

    def _verdict(self, deadline: float | None, checkpoint_seconds: float, should_stop: Callable[[], bool]) -> int:
        """What comes next at the end of a block."""
        if should_stop():
            return _STOP
        if deadline is not None and time.monotonic() > deadline:
            return _TIMEOUT
        due = max(checkpoint_seconds, _CHECKPOINT_SHARE * self.last_save_seconds)
        return _SAVE if time.monotonic() - self.last_saved > due else _GO_ON

    def _finish(self, ended: str) -> None:
        self.clock.stop()
        self._settle()
        step, seconds = self.trainer.step_count, self.clock.seconds - self.start_seconds
        self.ledger.close_attempt(self.start_step, step, seconds, ended)
        self.feeds.close()
        self.diary.close()
        if ended in ("interrupted", "done") and bool(self.trainer.healthy):
            self._write_state()

    def _write_state(self) -> None:
        began = time.monotonic()
        state = {"key": self.cell.key, "trainer": self.trainer.state(), "ledger": vars(self.ledger)}
        save_state(self.folder, state)
        self.last_save_seconds = time.monotonic() - began
        self.ledger.checkpoint_seconds += self.last_save_seconds

    def _step(self, share: float) -> dict[str, torch.Tensor]:
        step = self.trainer.step_count
        photos = self.feeds.batch(step, share)
        unpaired = self.trainer.objective.needs == "unpaired"
        return self.trainer.step(photos, share, self.feeds.batch(step, share, others=True) if unpaired else None)

    def _share(self) -> float:
        """How much of the budget is used. A clock budget is read at block ends; between them the last reading holds."""
        step = self.trainer.step_count
        if self.cell.steps is not None:
            return min(1.0, step / self.cell.steps)
        if step % self.block == 0:
            self._last_share = min(1.0, self.clock.read() / self.cell.protocol.budget.amount)
        return self._last_share

    def _report(self, share: float, parts: dict[str, torch.Tensor]) -> None:
        self.trainer.check_health()
        step, rate = self.trainer.step_count, self.trainer.optimizer.param_groups[0]["lr"]
        images = step * self.cell.protocol.batch
        self.diary.tell(step, share, parts, images=images, seconds=self.clock.read(), lr=rate)

    def _settle(self) -> None:
        """Bring the ledger up to date."""
        self.ledger.train_seconds = self.clock.seconds
        self.ledger.data_wait_seconds = self.base_wait + self.feeds.wait_seconds
        self.ledger.peak_bytes = max(peak_bytes(self.device) or 0, self.ledger.peak_bytes or 0) or None

    def _saved(self) -> dict | None:
        """The state to go on from; its ledger replaces the fresh one. A corrupt or foreign state starts the cell anew."""
        try:
            saved = load_state(self.folder, self.device)
        except CorruptCheckpoint as error:
            self.ledger.close_attempt(0, 0, 0.0, f"restarted: {error}")
            return None
        if saved is None or saved["key"] != self.cell.key:
            return None
        micro_batch = self.ledger.micro_batch
        for name, value in saved["ledger"].items():
            setattr(self.ledger, name, value)
        self.ledger.micro_batch = micro_batch or self.ledger.micro_batch
        return saved
