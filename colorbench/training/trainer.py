"""Trainer: generator, objective and optimisers, and what one step does with them.

A step is a pure function of (state, step, seed): order, crops and flips come from the feed, every random number inside the
networks from a seed set at the step. So a resumed run repeats an undisturbed one bit for bit on the CPU.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.cell import Recipe
from colorbench.losses import Objective
from colorbench.losses.critic import ImagePool
from colorbench.training.heads import apply_head
from colorbench.training.optimizer import Adam, Average, build_optimizer, rate
from colorbench.training.phases import phase_at

_STRIDE = 1_000_003  # between the seeds of neighbouring runs; a prime above any number of steps that share a seed


class Diverged(ArithmeticError):
    """The loss is not a finite number any more."""


class Trainer:
    """Everything that training changes.

    Args:
        model: the generator, on its device.
        objective: the loss, on the same device, with its prior set.
        recipe: optimiser settings and phases.
        head: `ab`, `luv`, `rgb` or `bins`.
        seed: of the cell.
        precision: `bf16` runs the generator (and nothing else) under autocast.
        micro_batch: photos a forward pass; gradients add up to the batch's.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        recipe: Recipe,
        *,
        head: str,
        seed: int,
        precision: str = "fp32",
        channels_last: bool = True,
        compile: bool = False,
        micro_batch: int | None = None,
    ):
        self.device = next(model.parameters()).device
        self.model, self.objective, self.recipe, self.head = model, objective, recipe, head
        self.seed, self.micro_batch = seed, micro_batch
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.model.to(memory_format=self.memory_format)
        self.autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16")
        self._forward = torch.compile(model) if compile else model
        trained = [*model.parameters(), *objective.trainable_parameters()]
        self.parameters = [parameter for parameter in trained if parameter.requires_grad]
        self.optimizer = build_optimizer(self.parameters, recipe.optimizer, self.device)
        self.critic_optimizers = [Adam(critic.critic_parameters(), **critic.optimizer) for critic in objective.critics]
        self.average = Average(model, recipe.optimizer.ema) if recipe.optimizer.ema else None
        self.healthy = torch.ones((), dtype=torch.bool, device=self.device)
        self.step_count = 0
        objective.attach(self.colorize)

    def colorize(self, gray: Tensor) -> Output:
        """The generator's prediction for gray input `(b, 1, h, w)` in [-1, 1]."""
        lightness = (gray + 1) * 50
        return self._predict(Batch.from_rgb(_neutral(lightness)))

    def step(self, photos: Tensor, share: float, others: Tensor | None = None) -> dict[str, Tensor]:
        """One optimiser step on uint8 photos, at this share of the budget. Returns the parts of the loss, on the device."""
        torch.manual_seed((self.seed * _STRIDE + self.step_count) % 2**63)
        phase = phase_at(self.recipe.phases, share, bool(self.critic_optimizers))
        self._set_rate(rate(self.recipe.optimizer, share))
        self.model.train()
        outputs, parts = [], {}
        for weight, truth, compared in self._parts(photos, others):
            training = torch.set_grad_enabled(phase != "critic")
            with training:
                output = self._predict(truth)
                losses = self.objective(output, compared, adversarial=phase != "generator")
            if phase != "critic":
                (losses.total * weight).backward()
            self.healthy &= torch.isfinite(losses.total.detach())
            parts = {key: parts.get(key, 0) + weight * value for key, value in losses.parts.items()}
            outputs.append((weight, output.detach(), compared))
        if phase != "critic":
            self._update()
        if phase != "generator":
            self._train_critics(outputs)
        self.step_count += 1
        return parts

    def check_health(self) -> None:
        """Raises Diverged after a loss that was not finite. Reads from the device: call it at block ends."""
        if not self.healthy:
            raise Diverged(f"the loss is not a finite number (noticed at step {self.step_count})")

    def final_state(self) -> dict[str, Tensor]:
        """The weights to evaluate and keep: the moving average when the recipe declares one."""
        return self.average.state if self.average else self.model.state_dict()

    def state(self) -> dict:
        """Everything that `load` needs to go on."""
        return {
            "step": self.step_count,
            "model": self.model.state_dict(),
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "critics": [optimizer.state_dict() for optimizer in self.critic_optimizers],
            "average": None if self.average is None else {"steps": self.average.steps, "state": self.average.state},
            "pools": [[picture.cpu() for picture in pool.kept] for pool in self._pools],
        }

    def load(self, state: dict) -> None:
        """Continue from a state."""
        self.step_count = state["step"]
        self.model.load_state_dict(state["model"])
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        for optimizer, saved in zip(self.critic_optimizers, state["critics"]):
            optimizer.load_state_dict(saved)
        if self.average is not None:
            self.average.steps, self.average.state = state["average"]["steps"], state["average"]["state"]
        for pool, kept in zip(self._pools, state["pools"]):
            pool.load([picture.to(self.device) for picture in kept])

    @property
    def _pools(self) -> list[ImagePool]:
        return [critic.pool for critic in self.objective.critics if hasattr(critic, "pool")]

    def _parts(self, photos: Tensor, others: Tensor | None) -> Iterator[tuple[float, Batch, Batch]]:
        size = self.micro_batch or len(photos)
        pairs = zip(photos.split(size), (photos if others is None else others).split(size))
        for part, compared in pairs:
            truth = Batch.from_rgb(part)
            yield len(part) / len(photos), truth, truth if others is None else Batch.from_rgb(compared)

    def _predict(self, truth: Batch) -> Output:
        gray = self._at_work_size(truth.gray).contiguous(memory_format=self.memory_format)
        with self.autocast:
            raw = self._forward(gray)
        return apply_head(self.head, raw, truth)

    def _at_work_size(self, gray: Tensor) -> Tensor:
        """The gray photo at the side the recipe asks for; heads bring the output back."""
        side = self.recipe.size_px
        if side is None or gray.shape[-2:] == (side, side):
            return gray
        return nn.functional.interpolate(gray, (side, side), mode="bilinear", antialias=True, align_corners=False)

    def _set_rate(self, factor: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.optimizer.lr * factor
        for critic, optimizer in zip(self.objective.critics, self.critic_optimizers):
            for group in optimizer.param_groups:
                group["lr"] = critic.optimizer["lr"] * factor

    def _update(self) -> None:
        if self.recipe.optimizer.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.recipe.optimizer.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update(self.model)

    def _train_critics(self, outputs: list[tuple[float, Output, Batch]]) -> None:
        for critic, optimizer in zip(self.objective.critics, self.critic_optimizers):
            optimizer.zero_grad(set_to_none=True)
            for weight, output, truth in outputs:
                loss = critic.critic_loss(output, truth)
                (loss * weight).backward()
                self.healthy &= torch.isfinite(loss.detach())
            optimizer.step()


def _neutral(lightness: Tensor) -> Tensor:
    from colorbench.color import lab_to_rgb

    return lab_to_rgb(torch.cat([lightness, lightness.new_zeros(len(lightness), 2, *lightness.shape[-2:])], dim=1))
