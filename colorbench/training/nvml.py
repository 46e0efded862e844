"""What the GPU says of itself through NVML: its handle, who else computes on it, whether it slows itself down.

Everything is None without a GPU, the library, the driver or the right to ask: unknown is never "no".
"""

import os
import time
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch

# nvml.h: hardware slowdown, software thermal, hardware thermal, power brake. Not the software power cap: a card that
# runs at its own power limit runs as it is sold.
SLOWED = 0x08 | 0x20 | 0x40 | 0x80
_EVERY_SECONDS = 5.0


def handle_of(device: torch.device) -> Any | None:
    """NVML's handle of this device; None when there is none."""
    if device.type != "cuda":
        return None
    try:
        import pynvml

        pynvml.nvmlInit()
        uuid = str(torch.cuda.get_device_properties(device).uuid)
        return pynvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
    except Exception:  # no library, no driver, no permission: all mean that nothing is known
        return None


def is_exclusive(handle: Any, pid: int | None = None) -> bool | None:
    """Whether no other process computes on the device.

    In a container process ids may be those of the host; then one single process is taken for this one.
    """
    try:
        import pynvml

        pids = {process.pid for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)}
    except Exception:
        return None
    return len(pids - {os.getpid() if pid is None else pid}) == 0 or len(pids) == 1


def is_throttled(handle: Any) -> bool | None:
    """Whether heat, a power brake or the hardware's own protection holds the clocks down now."""
    try:
        import pynvml

        return bool(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle) & SLOWED)
    except Exception:
        return None


@runtime_checkable
class Noted(Protocol):
    """Where a Watch writes; the Ledger of a run."""

    exclusive: bool | None
    throttled: bool | None


class Watch:
    """Looks at the GPU every few seconds of a training, and notes the worst it saw, over all attempts."""

    def __init__(self, device: torch.device, ledger: Noted, every_seconds: float | int = _EVERY_SECONDS):
        self.handle, self.ledger, self.every_seconds = handle_of(device), ledger, every_seconds
        self._last = float("-inf")

    def look(self) -> None:
        """Note what is the case now."""
        if self.handle is None:
            return
        alone, slowed = is_exclusive(self.handle), is_throttled(self.handle)
        self.ledger.exclusive = _worst(self.ledger.exclusive, alone, bad=False)
        self.ledger.throttled = _worst(self.ledger.throttled, slowed, bad=True)

    def beside(self, should_stop: Callable[[], bool]) -> Callable[[], bool]:
        """`should_stop`, which training asks at block ends anyway, with a look when one is due."""

        def ask() -> bool:
            if self.handle is not None and time.monotonic() - self._last >= self.every_seconds:
                self._last = time.monotonic()
                self.look()
            return should_stop()

        return ask


def _worst(before: bool | None, now: bool | None, *, bad: bool) -> bool | None:
    known = [seen for seen in (before, now) if seen is not None]
    return None if not known else bad if bad in known else not bad
