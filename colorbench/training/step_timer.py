"""StepTimer: build one recipe on the device and time its steps, as `colorbench calibrate` does.

A step is the step of the training loop: photos (on the device where they fit), crops and flips, forward, backward, optimizer,
critics. Its share of the budget is 1: all parts of the loss, and a learning rate that moves no weight.
"""

import time
from statistics import median

import torch

from colorbench.cell import Cell
from colorbench.data import PhotoLoader, Photos
from colorbench.tensors import Float32, float32_on_gpu
from colorbench.training.device import Watch
from colorbench.training.setup import build_trainer

_SHARE = 1.0


class StepTimer:
    """Generator, objective and optimizers of a cell, with the photos on the device where they fit.

    Args:
        cell: what to train; its seed decides weights and photos.
        photos: the suite's.
        device: where.
        side_px: of the pictures; default the protocol's.
    """

    def __init__(self, cell: Cell, photos: Photos, device: torch.device, side_px: int | None = None):
        self.device, protocol = device, cell.protocol
        self.float32: Float32 = protocol.float32
        self.watch = Watch(device)
        before = _allocated(device)
        self.trainer = build_trainer(cell, photos, device)
        self.own_bytes = _allocated(device) - before
        seeds = (0, 1) if self.trainer.objective.needs == "unpaired" else (0,)
        side = side_px or protocol.size_px
        self.loaders = [
            PhotoLoader(photos.train, device, protocol.batch, seed, crop_px=side, flip=protocol.flip) for seed in seeds
        ]

    @property
    def captured(self) -> bool | None:
        """Whether the steps are replayed as a CUDA graph; None on a CPU."""
        return not self.trainer.captured.refused if self.device.type == "cuda" else None

    def enqueue(self, steps: int) -> float | None:
        """Seconds that the host needs to launch one step, the median of `steps` launches into an empty queue; None on a CPU."""
        if self.device.type != "cuda":
            return None
        taken = []
        for _ in range(steps):
            torch.cuda.synchronize(self.device)
            began = time.perf_counter()
            self._run(1)
            taken.append(time.perf_counter() - began)
        return median(taken)

    def take(self, steps: int) -> float:
        """Seconds per step, over this many steps: by device events on a GPU, by a synchronized clock elsewhere."""
        if self.device.type != "cuda":
            began = time.perf_counter()
            self._run(steps)
            return (time.perf_counter() - began) / steps
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        stream = torch.cuda.current_stream(self.device)  # of this device, whichever is the current one
        torch.cuda.synchronize(self.device)
        first.record(stream)
        self._run(steps)
        last.record(stream)
        self.watch.look()  # while the device still works
        last.synchronize()
        return first.elapsed_time(last) / 1000 / steps

    def warm_up(self, steps: int) -> int | None:
        """Capture the step on a GPU and run untimed steps; return the recipe's own peak memory, None on a CPU."""
        if self.device.type != "cuda":
            self._run(steps)
            return None
        torch.cuda.synchronize(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        before = _allocated(self.device)
        with float32_on_gpu(self.float32):
            first = self._batches()
            self.trainer.prepare(first[0], _SHARE, *first[1:])
        self._run(steps)
        torch.cuda.synchronize(self.device)
        return torch.cuda.max_memory_allocated(self.device) - before + self.own_bytes

    def close(self) -> None:
        """Release the photos."""
        for loader in self.loaders:
            loader.close()

    def _run(self, steps: int) -> None:
        with float32_on_gpu(self.float32):
            for _ in range(steps):
                batches = self._batches()
                self.trainer.step(batches[0], _SHARE, *batches[1:])

    def _batches(self) -> list[torch.Tensor]:
        return [loader.batch_at(self.trainer.step_count) for loader in self.loaders]


def _allocated(device: torch.device) -> int:
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
