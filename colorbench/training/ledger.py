"""Ledger: what a cell has used, over all attempts."""

from dataclasses import dataclass, field

from colorbench.record import Attempt


@dataclass
class Ledger:
    """What the cell has used, over all attempts. Survives in the training state."""

    train_seconds: float = 0.0
    data_wait_seconds: float = 0.0
    checkpoint_seconds: float = 0.0
    joules: float | None = None
    peak_bytes: int | None = None
    micro_batch: int | None = None
    exclusive: bool | None = None
    throttled: bool | None = None
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
