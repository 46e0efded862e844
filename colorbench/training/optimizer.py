"""Optimizers, the schedule and the phases as functions of the budget's share, and the moving average of the weights."""

import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from colorbench.cell import Optimizer, Phases


def build_optimizer(
    parameters: Iterable[nn.Parameter], settings: Optimizer, device: torch.device
) -> torch.optim.Adam | torch.optim.AdamW:
    """Adam or AdamW over the parameters that train. Biases and norms decay like the rest: one rule for all generators."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    facts = {"betas": settings.betas, **_on(device, settings.lr)}
    if settings.name == "adamw":
        return torch.optim.AdamW(trained, weight_decay=settings.weight_decay, **facts)
    return torch.optim.Adam(trained, **facts)


def build_critic_optimizer(
    parameters: Iterable[nn.Parameter], settings: dict, device: torch.device
) -> torch.optim.Adam:
    """The Adam of a critic, with its own settings."""
    return torch.optim.Adam(parameters, **settings | _on(device, settings["lr"]))


def _on(device: torch.device, lr: float) -> dict:
    """Settings for the device. On a GPU one launch updates all parameters, and the learning rate is a tensor there, which a
    captured step reads anew. On a CPU `foreach` gives the bits of a loop over the parameters with fewer calls."""
    if device.type != "cuda":
        return {"lr": lr, "fused": False, "foreach": True}
    return {"lr": torch.tensor(lr, device=device), "fused": True, "capturable": True}


def load_optimizer(optimizer: torch.optim.Optimizer, saved: dict) -> None:
    """Continue from `saved`, its `state_dict`.

    What belongs to the device stays as it is built: torch keeps the step counts of a fused optimizer on the device and of any
    other on the CPU, and a count in the wrong place makes every step wait for the device.
    """
    groups = [
        group | {name: own[name] for name in ("lr", "fused", "foreach", "capturable")}
        for group, own in zip(saved["param_groups"], optimizer.param_groups, strict=True)
    ]
    optimizer.load_state_dict(saved | {"param_groups": groups})


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next step."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


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


def phase_at(phases: Phases, share: float, has_critics: bool) -> str:
    """`joint`, `generator` or `critic`: who trains at this share of the budget."""
    if phases.plan == "joint" or not has_critics:
        return "joint"
    if share < phases.pretrain_share:
        return "generator"
    return "critic" if share < phases.pretrain_share + phases.critic_share else "joint"


class Average:
    """Exponential moving average of parameters and buffers, in float32, with bias correction."""

    def __init__(self, model: nn.Module, decay: float):
        self.decay, self.steps = decay, 0
        self.state = {key: value.detach().clone() for key, value in model.state_dict().items()}

    def state_dict(self) -> dict:
        return {"steps": self.steps, "state": self.state}

    def load(self, saved: dict) -> None:
        """Continue from `saved`, a `state_dict`."""
        self.steps = saved["steps"]
        for key, value in saved["state"].items():
            self.state[key].copy_(value)

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))
        values = model.state_dict()
        moving = [key for key, value in values.items() if value.is_floating_point()]
        # all in a few launches: one by one, the hundreds of tensors of a network cost a GPU more than its forward
        average = get_ema_multi_avg_fn(decay)
        average([self.state[key] for key in moving], [values[key] for key in moving], self.steps)
        for key in values.keys() - moving:
            self.state[key].copy_(values[key])
