"""Optimisers, the schedule as a function of the consumed budget, and the moving average of the weights."""

import inspect
import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from colorbench.cell import Optimizer


def _plain(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """This optimiser without the wrappers around its methods, whose first call imports torch's compiler: seconds that a short
    cell does not have. They concern compiled optimisers; the arithmetic is the same."""
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    return type(kind.__name__, (kind,), methods | {"step": torch.no_grad()(inspect.unwrap(kind.step))})


Adam, AdamW = _plain(torch.optim.Adam), _plain(torch.optim.AdamW)


def build_optimizer(parameters: Iterable[nn.Parameter], settings: Optimizer, device: torch.device):
    """Adam or AdamW over the parameters that train. Biases and norms decay like the rest: one rule for all generators."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    kind = {"adamw": AdamW, "adam": Adam}[settings.name]
    decay = {"weight_decay": settings.weight_decay} if settings.name == "adamw" else {}
    return kind(trained, lr=settings.lr, betas=settings.betas, fused=device.type == "cuda", **decay)


def rate(settings: Optimizer, share: float) -> float:
    """The learning rate's factor in [0, 1] after this share of the budget: linear warm-up, then the schedule.

    >>> rate(Optimizer(warmup_share=0.1), 0.05), rate(Optimizer(), 1.0)
    (0.5, 0.0)
    """
    if share < settings.warmup_share:
        return share / settings.warmup_share
    rest = (share - settings.warmup_share) / (1 - settings.warmup_share)
    if settings.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * rest))
    return 1 - rest if settings.schedule == "linear" else 1.0


class Average:
    """Exponential moving average of parameters and buffers, in float32, corrected for its start."""

    def __init__(self, model: nn.Module, decay: float):
        self.decay, self.steps = decay, 0
        self.state = {key: value.detach().clone() for key, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))
        values = model.state_dict()
        moving = [key for key, value in values.items() if value.is_floating_point()]
        # all in a few launches: one by one, the hundreds of tensors of a network cost a GPU more than its forward
        get_ema_multi_avg_fn(decay)([self.state[key] for key in moving], [values[key] for key in moving], self.steps)
        for key in values.keys() - moving:
            self.state[key].copy_(values[key])
