"""The training loop: steps until the budget is used."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from colorbench.cell import Cell
from colorbench.data import Photos
from colorbench.training.checkpoint import CorruptCheckpoint, load_state, save_state
from colorbench.training.device import Clock, Watch, peak_bytes, reset_peak
from colorbench.training.run_log import Costs, RunLog
from colorbench.training.setup import Loaders, build_trainer
from colorbench.training.trainer import Trainer

CURVE_EVERY = 10
_CHECKPOINT_SHARE = 20  # least training time between two checkpoints, in times that writing the last one took
_BLOCK = {"cpu": 1, "cuda": 10}  # steps between two looks at the device


class TimedOut(RuntimeError):
    """The cell took longer than its suite allows, in wall time."""


def train_loop(
    cell: Cell,
    photos: Photos,
    folder: Path,
    device: torch.device,
    *,
    costs: Costs,
    log: RunLog,
    deadline: float | None = None,
    checkpoint_seconds: float = 20.0,
    should_stop: Callable[[], bool] = lambda: False,
) -> Trainer:
    """Train to the end of the budget, resuming what is in `folder`.

    Args:
        costs: updated whenever the clock stops; its `micro_batch` and `streamed` are used.
        log: curve and progress.
        deadline: by `time.monotonic()`.
        checkpoint_seconds: least time between two checkpoints.
        should_stop: asked at block ends.

    Raises:
        Diverged, TimedOut: the record has a status for them. KeyboardInterrupt: after `should_stop()`; the state is saved.
        torch.OutOfMemoryError: a step does not fit in memory; see `with_smaller_batches`.
    """
    reset_peak(device)
    saved = _saved_state(folder, cell, costs)
    trainer = build_trainer(cell, photos, device, costs.micro_batch)
    if saved is not None:
        trainer.load(saved)
        costs.note_killed(trainer.step_count)
    before, first = replace(costs), trainer.step_count
    loaders = Loaders(cell, photos, device, streamed=costs.streamed)
    clock = Clock(device, costs.train_seconds, costs.joules)
    watch = Watch(device, costs.exclusive, costs.throttled)
    block, share = _BLOCK.get(device.type, 10), 0.0
    saving_seconds, saved_at, ended = 0.0, time.monotonic(), "crash"

    def settle() -> None:
        costs.train_seconds, costs.joules = clock.seconds, clock.joules
        costs.data_wait_seconds = before.data_wait_seconds + loaders.wait_seconds
        costs.peak_bytes = max((peak_bytes(device) or 0) - loaders.resident_bytes, costs.peak_bytes or 0) or None
        costs.exclusive, costs.throttled = watch.exclusive, watch.throttled

    log.start_curve(first)
    clock.start()
    try:
        while True:
            # Budget: steps, or seconds, which the clock says at block ends.
            step = trainer.step_count
            if cell.steps is not None:
                share = min(1.0, step / cell.steps)
            elif step % block == 0:
                share = min(1.0, clock.read() / cell.protocol.budget.amount)
            if share == 1:
                break

            # Photos, then forward, loss, backward, optimizer, critics.
            others = loaders.others(step, share) if trainer.objective.needs == "unpaired" else None
            shown = loaders.photos(step, share)
            if trainer.needs_preparing(shown, share):  # off the clock
                clock.stop()
                trainer.prepare(shown, share, others)
                costs.captured = not trainer.captured.refused
                clock.start()
            parts = trainer.step(shown, share, others)
            step = trainer.step_count
            if step % block:
                continue
            watch.look_now_and_then()  # while the device still works at the block

            # Curve.
            if step % CURVE_EVERY == 0:
                trainer.check_health()
                facts = {"images": step * cell.protocol.batch, "seconds": clock.read(), "lr": trainer.rate}
                log.add(step, share, **facts, **trainer.read_loss(parts))

            # Stop, time out, or save.
            if should_stop():
                ended = "interrupted"
                raise KeyboardInterrupt
            if deadline is not None and time.monotonic() > deadline:
                ended = "timeout"
                raise TimedOut(f"not finished within the suite's time for a cell (step {step})")
            if time.monotonic() - saved_at > max(checkpoint_seconds, _CHECKPOINT_SHARE * saving_seconds):
                clock.stop()
                trainer.check_health()
                settle()
                saving_seconds = save_state(folder, cell, trainer.state(), costs)
                costs.checkpoint_seconds += saving_seconds
                saved_at = time.monotonic()
                clock.start()
        trainer.check_health()
        ended = "done"
        return trainer
    finally:
        clock.stop(wait=ended != "crash")
        settle()
        costs.close_attempt(first, trainer.step_count, clock.seconds - before.train_seconds, ended)
        loaders.close()
        log.close_curve()
        # At the end of training a state serves only a kill in the evaluation: not worth it soon after the last one.
        late = time.monotonic() - saved_at >= checkpoint_seconds
        if (ended == "interrupted" or (ended == "done" and late)) and trainer.is_healthy:
            costs.checkpoint_seconds += save_state(folder, cell, trainer.state(), costs)


def _saved_state(folder: Path, cell: Cell, costs: Costs) -> dict | None:
    """The trainer's state to resume from, its costs taken over; None when there is none, or a corrupt or foreign one."""
    try:
        saved = load_state(folder, cell)
    except CorruptCheckpoint as error:
        costs.close_attempt(0, 0, 0.0, f"restarted: {error}")
        return None
    if saved is None:
        return None
    costs.go_on_from(saved.costs)
    return saved.trainer
