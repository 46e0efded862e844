"""The clock: device seconds of training, and nothing else.

On it: data, forward, backward, optimiser, critics, compilation. Off it: set-up, evaluation, checkpoints. The device is
synchronised where the clock starts, stops and is read, so asynchronous work is charged to the block that asked for it.
"""

import time

import torch


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
        self._handle = None
        if device.type == "cuda":
            try:
                import pynvml

                pynvml.nvmlInit()
                uuid = str(torch.cuda.get_device_properties(device).uuid)
                self._handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}" if not uuid.startswith("GPU-") else uuid)
                self._start = self._total()
            except Exception:  # no library, no driver, no permission: all mean that nothing is measured
                self._handle = None

    def _total(self) -> float:
        import pynvml

        return pynvml.nvmlDeviceGetTotalEnergyConsumption(self._handle) / 1000

    def read(self) -> float | None:
        """Joules since construction."""
        return None if self._handle is None else self._total() - self._start
