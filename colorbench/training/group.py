"""The processes that train one cell together, and what they agree on.

Each takes its share of the global batch and all make the step that one process would make on the whole batch, up to rounding:
gradients are averaged before clipping, batch norm counts the global batch. Gradients travel as one flat buffer after the
backward pass and not through a DistributedDataParallel wrapper: critics, penalties, cycles through the generator and
micro-batches then need no special case, and modules and checkpoints stay plain. Decisions (stop, save, how much of the
budget is used) are the first process's.

What differs from one process: rounding, and random numbers drawn inside networks (dropout, penalties), which every process
draws for its own photos.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from colorbench.training.batch_norm import share_batch_norm


class Alone:
    """One process: nothing to agree on."""

    rank, world = 0, 1

    def share_batch_norm(self, module: nn.Module) -> None:
        """Batch norms inside count the global batch."""

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """The mean over all processes, in place."""

    def mean(self, parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The mean of each scalar over all processes."""
        return dict(parts)

    def all(self, flag: Tensor) -> bool:
        """True when it is true in every process. Waits for the device."""
        return bool(flag)

    def from_first(self, value: float | int) -> float | int:
        """The first process's value."""
        return value

    def gather(self, state: list) -> list[list]:
        """Every process's state, by rank."""
        return [state]


class Together:
    """Several processes of one Lightning Fabric, a device each; the methods are those of Alone."""

    def __init__(self, fabric):
        self.fabric, self.rank, self.world = fabric, fabric.global_rank, fabric.world_size

    def share_batch_norm(self, module: nn.Module) -> None:
        share_batch_norm(module)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = self.fabric.all_reduce(torch.cat([each.reshape(-1) for each in gradients]), reduce_op="mean")
        parts = flat.split([each.numel() for each in gradients])
        torch._foreach_copy_(gradients, [part.view(each.shape) for part, each in zip(parts, gradients)])

    def mean(self, parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        means = self.fabric.all_reduce(torch.stack([value.float() for value in parts.values()]), reduce_op="mean")
        return dict(zip(parts, means))

    def all(self, flag: Tensor) -> bool:
        return self.fabric.all_reduce(flag.double(), reduce_op="sum").item() == self.world

    def from_first(self, value: float | int) -> float | int:
        sent = torch.tensor(float(value), dtype=torch.float64, device=self.fabric.device)
        torch.distributed.broadcast(sent, 0)
        return sent.item()

    def gather(self, state: list) -> list[list]:
        states = [None] * self.world
        torch.distributed.all_gather_object(states, state)
        return states


Group = Alone | Together
ALONE = Alone()


def join(devices: Sequence[torch.device]) -> Together:
    """Meet the other processes of this cell, one a device; the environment says which of them this one is (`LOCAL_RANK`)."""
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import LightningEnvironment

    kind = devices[0].type
    chosen = [device.index for device in devices] if kind == "cuda" else len(devices)
    fabric = Fabric(accelerator=kind, devices=chosen, strategy="ddp", plugins=[LightningEnvironment()])
    fabric.launch()
    return Together(fabric)
