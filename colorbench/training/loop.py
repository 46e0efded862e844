"""The loop: steps until the budget is used, checkpoints off the clock, micro-batches when memory is short."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from colorbench.cell import Cell
from colorbench.data import PhotoFeed, Photos
from colorbench.record import Attempt
from colorbench.training.checkpoint import CorruptCheckpoint, load_state, save_state
from colorbench.training.clock import Clock
from colorbench.training.curve import Curve
from colorbench.training.progress import Progress
from colorbench.training.setup import build_trainer
from colorbench.training.spending import Spending
from colorbench.training.trainer import Trainer, size_at

CURVE_EVERY = 10
_CHECKPOINT_SHARE = 20  # a checkpoint is due when training took this many times as long as the last one's writing
_BLOCK = {"cpu": 1, "cuda": 10}  # steps between two looks at the device


class TimedOut(RuntimeError):
    """The cell took longer than its suite allows, everything counted."""


@dataclass
class Ledger:
    """What the cell has used, over all attempts. Survives in the training state."""

    train_seconds: float = 0.0
    data_wait_seconds: float = 0.0
    checkpoint_seconds: float = 0.0
    joules: float | None = None
    peak_bytes: int | None = None
    micro_batch: int | None = None
    attempts: list[dict] = field(default_factory=list)

    def close_attempt(self, start_step: int, end_step: int, seconds: float, ended: str) -> None:
        self.attempts.append({"start_step": start_step, "end_step": end_step, "train_seconds": seconds, "ended": ended})

    def note_killed(self, step: int) -> None:
        """A checkpoint beyond the last attempt's end: the attempt that wrote it was killed and could not say so."""
        end = self.attempts[-1]["end_step"] if self.attempts else 0
        if step > end:
            counted = sum(attempt["train_seconds"] for attempt in self.attempts)
            self.close_attempt(end, step, max(0.0, self.train_seconds - counted), "killed")

    def as_attempts(self) -> tuple[Attempt, ...]:
        return tuple(Attempt(**attempt) for attempt in self.attempts)


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA's own class, Python's, and the CPU allocator's message."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "out of memory" in text)


def train_loop(
    cell: Cell,
    photos: Photos,
    folder: Path,
    device: torch.device,
    *,
    ledger: Ledger,
    flops_per_step: float | None = None,
    table_steps: int | None = None,
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
    while True:
        try:
            loop = _Loop(cell, photos, folder, device, ledger, Spending(
                cell.protocol.budget, cell.protocol.batch, flops_per_step, table_steps
            ))  # fmt: skip
            return loop.run(deadline, checkpoint_seconds, should_stop)
        except Exception as error:
            size = ledger.micro_batch or cell.protocol.batch
            if not is_out_of_memory(error) or size == 1:
                raise
            ledger.micro_batch = size // 2
        gc.collect()  # outside the handler, so that the traceback's tensors are gone
        if device.type == "cuda":
            torch.cuda.empty_cache()


class _Loop:
    def __init__(self, cell, photos, folder, device, ledger: Ledger, spending: Spending):
        self.cell, self.photos, self.folder, self.device = cell, photos, folder, device
        self.ledger, self.spending = ledger, spending
        saved = self._saved()
        self.trainer = build_trainer(cell, photos, device, ledger.micro_batch)
        if saved is not None:
            self.trainer.load(saved["trainer"])
            ledger.note_killed(self.trainer.step_count)
        self.clock = Clock(device, ledger.train_seconds)
        self.start_step, self.start_seconds = self.trainer.step_count, ledger.train_seconds
        self.base_wait = ledger.data_wait_seconds
        self.progress = Progress(folder)
        self.curve = Curve(folder / "curve.jsonl", self.start_step)
        self._feeds: dict[tuple[int, bool], PhotoFeed] = {}

    def run(self, deadline: float | None, checkpoint_seconds: float, should_stop: Callable[[], bool]) -> Trainer:
        last_saved, block = time.monotonic(), _BLOCK.get(self.device.type, 10)
        ended = "crash"
        self.clock.start()
        try:
            while (share := self._share(block)) < 1:
                parts = self._step(share)
                step = self.trainer.step_count
                if step % block:
                    continue
                if step % CURVE_EVERY == 0:
                    self._report(share, parts)
                if should_stop():
                    ended = "interrupted"
                    raise KeyboardInterrupt
                if deadline is not None and time.monotonic() > deadline:
                    ended = "timeout"
                    raise TimedOut(f"not finished within the suite's time for a cell (step {step})")
                due = max(checkpoint_seconds, _CHECKPOINT_SHARE * self.last_save_seconds)
                if time.monotonic() - last_saved > due:
                    self.save()
                    last_saved = time.monotonic()
            self.trainer.check_health()
            ended = "done"
            return self.trainer
        finally:
            self._finish(ended)

    last_save_seconds = 0.0

    def save(self) -> None:
        """Checkpoint, off the clock. A state that is not healthy is never written."""
        self.clock.stop()
        self.trainer.check_health()
        began = time.monotonic()
        self._settle()
        save_state(self.folder, {"key": self.cell.key, "trainer": self.trainer.state(), "ledger": vars(self.ledger)})
        self.last_save_seconds = time.monotonic() - began
        self.ledger.checkpoint_seconds += self.last_save_seconds
        self.clock.start()

    def _finish(self, ended: str) -> None:
        self.clock.stop()
        self._settle()
        step, seconds = self.trainer.step_count, self.clock.seconds - self.start_seconds
        self.ledger.close_attempt(self.start_step, step, seconds, ended)
        for feed in self._feeds.values():
            feed.close()
        self.curve.close()
        if ended in ("interrupted", "done") and bool(self.trainer.healthy):
            began = time.monotonic()
            save_state(
                self.folder, {"key": self.cell.key, "trainer": self.trainer.state(), "ledger": vars(self.ledger)}
            )
            self.ledger.checkpoint_seconds += time.monotonic() - began

    def _step(self, share: float) -> dict[str, torch.Tensor]:
        step = self.trainer.step_count
        photos = self._feed(share, others=False).batch_at(step)
        unpaired = self.trainer.objective.needs == "unpaired"
        return self.trainer.step(photos, share, self._feed(share, others=True).batch_at(step) if unpaired else None)

    def _feed(self, share: float, others: bool) -> PhotoFeed:
        """Photos at this share's size; `others` are the unpaired ones, in another order."""
        protocol = self.cell.protocol
        size = size_at(self.cell.recipe.phases, share, protocol.size_px)
        if (size, others) not in self._feeds:
            seed = self.cell.seed + (7_919 if others else 0)
            self._feeds[size, others] = PhotoFeed(
                self.photos.train, self.device, protocol.batch, seed, crop_px=size, flip=protocol.flip
            )
        return self._feeds[size, others]

    def _share(self, block: int) -> float:
        """How much of the budget is used. A clock budget is read at block ends; between them the last reading holds."""
        step = self.trainer.step_count
        if not self.spending.needs_clock or step % block == 0:
            self._last_share = self.spending.share(step, self.clock.read() if self.spending.needs_clock else 0.0)
        return self._last_share

    def _report(self, share: float, parts: dict[str, torch.Tensor]) -> None:
        self.trainer.check_health()
        step = self.trainer.step_count
        values = {key: float(value) for key, value in parts.items()}
        seconds = self.clock.read()
        rate = self.trainer.optimizer.param_groups[0]["lr"]
        weights = dict(zip(self.trainer.objective.names, self.trainer.objective.weights))
        loss = sum(weights.get(key, 0.0) * value for key, value in values.items())
        self.curve.add(
            step=step,
            images=step * self.cell.protocol.batch,
            seconds=round(seconds, 4),
            loss=loss,
            parts=values,
            lr=rate,
        )
        self.progress.tell("training", share, step=step, loss=loss, seconds=round(seconds, 2))

    def _settle(self) -> None:
        """Bring the ledger up to date."""
        self.ledger.train_seconds = self.clock.seconds
        self.ledger.data_wait_seconds = self.base_wait + sum(feed.wait_seconds for feed in self._feeds.values())
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


def peak_bytes(device: torch.device) -> int | None:
    """Peak memory: of the allocator on a GPU, of the whole process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    except ImportError:  # no such module on Windows
        return None
