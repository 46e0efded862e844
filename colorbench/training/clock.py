"""The clock: device seconds of training, and nothing else.

On it: data, forward, backward, optimiser, critics, compilation. Off it: set-up, evaluation, checkpoints. The device is
synchronised where the clock starts, stops and is read, so asynchronous work is charged to the block that asked for it.
"""

import time

import torch

from colorbench.training.nvml import handle_of


class Clock:
    """Adds up seconds over blocks and attempts.

    Args:
        device: what to wait for at block ends.
        seconds: what earlier attempts have used.
    """

    def __init__(self, device: torch.device, seconds: float = 0.0):
        self.device, self.seconds = device, seconds
        self._started: float | None = None

    def start(self) -> None:
        self._wait()
        self._started = time.perf_counter()

    def stop(self) -> None:
        """Stops; a stopped clock stays stopped."""
        if self._started is not None:
            self.seconds = self.read()
            self._started = None

    def read(self) -> float:
        """Seconds so far, waiting for the device."""
        if self._started is None:
            return self.seconds
        self._wait()
        return self.seconds + time.perf_counter() - self._started

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


class Joules:
    """Energy of one GPU by NVML's total-energy counter; `read()` is None, never 0, without one."""

    def __init__(self, device: torch.device):
        self._handle = handle_of(device)
        try:
            self._start = 0.0 if self._handle is None else self._total()
        except Exception:  # a card without the counter
            self._handle = None

    def _total(self) -> float:
        import pynvml

        return pynvml.nvmlDeviceGetTotalEnergyConsumption(self._handle) / 1000

    def read(self) -> float | None:
        """Joules since construction."""
        return None if self._handle is None else self._total() - self._start
