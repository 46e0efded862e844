"""Trainer: generator, objective and optimizers, and what one step does with them.

A step is a pure function of (state, step, seed): order, crops and flips come from the loader, every random number inside the
networks from a seed set at the step. So a resumed run repeats an undisturbed one bit for bit on the CPU. On a GPU its
work is captured as a CUDA graph when `prepare` is called first.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.cell import Cell
from colorbench.color import lab_to_rgb
from colorbench.losses import Objective
from colorbench.losses.critic import Critic, ImagePool
from colorbench.training.captured import CapturedStep
from colorbench.training.heads import Forward
from colorbench.training.optimizer import (
    Average,
    build_critic_optimizer,
    build_optimizer,
    load_optimizer,
    phase_at,
    rate,
    set_rate,
)

_STRIDE = 1_000_003  # from one run's seeds of steps to the next run's


class Diverged(ArithmeticError):
    """The loss is not a finite number any more."""


class Trainer:
    """Everything that training changes.

    Args:
        forward: the generator with its head, on its device.
        objective: the loss, on the same device, with its prior set.
        cell: optimizer settings, phases and seed.
        micro_batch: photos per forward pass; gradients add up to the batch's.

    Attributes:
        rate: the generator's learning rate at the last step.
    """

    def __init__(self, forward: Forward, objective: Objective, cell: Cell, micro_batch: int | None = None):
        self.forward, self.model, self.objective = forward, forward.model.train(), objective
        self.recipe, self.seed, self.micro_batch = cell.recipe, cell.seed, micro_batch
        self.device = next(self.model.parameters()).device
        self.critics: list[Critic] = list(objective.critics)
        trained = [*self.model.parameters(), *objective.trainable_parameters()]
        self.parameters = [parameter for parameter in trained if parameter.requires_grad]
        self.optimizer = build_optimizer(self.parameters, self.recipe.optimizer, self.device)
        self.critic_optimizers = [
            build_critic_optimizer(critic.critic_parameters(), critic.optimizer, self.device) for critic in self.critics
        ]
        decay = self.recipe.optimizer.ema
        self.average = Average(self.model, decay) if decay else None
        self.healthy = torch.ones((), dtype=torch.bool, device=self.device)
        self.step_count, self.rate = 0, 0.0
        self.captured = CapturedStep(self._work, self._changing)
        objective.attach(self.colorize)

    def needs_preparing(self, photos: Tensor, share: float) -> bool:
        """Whether to call `prepare` before a step on photos of this size at this share of the budget."""
        return self.device.type == "cuda" and self.captured.is_new(self._phase(share), photos)

    def prepare(self, photos: Tensor, share: float, others: Tensor | None = None) -> None:
        """Capture the step with these arguments on a GPU. Changes nothing that trains.

        `captured.refused` says why that was impossible.
        """
        self.model.train()
        if any(pool.size for pool in self._pools):
            self.captured.refused = "its image pool decides on the host"
        else:
            self.captured.capture(self._phase(share), photos, others)

    def step(self, photos: Tensor, share: float, others: Tensor | None = None) -> dict[str, Tensor]:
        """One optimizer step on uint8 photos, at this share of the budget.

        Args:
            photos: `(batch, 3, h, w)`.
            share: decides learning rate and phase.
            others: for unpaired losses, the photos that predictions are held against.

        Returns:
            The parts of the loss, without their weights, on the device.
        """
        self._seed((self.seed * _STRIDE + self.step_count) % 2**63)
        phase = self._phase(share)
        self._set_rates(rate(self.recipe.optimizer, share))
        if not self.model.training:  # `train()` visits every module, a twentieth of a small network's step
            self.model.train()
        parts = self.captured(phase, photos, others)
        if phase != "critic" and self.average is not None:
            self.average.update(self.model)
        self.step_count += 1
        return parts

    def _work(self, phase: str, photos: Tensor, others: Tensor | None) -> dict[str, Tensor]:
        """What the device does in a step, all of it in place."""
        shown, parts = [], {}
        for weight, truth, compared in self._micro_batches(photos, others):
            with torch.set_grad_enabled(phase != "critic"):
                output = self.forward(truth)
                losses = self.objective(output, compared, adversarial=phase != "generator")
            if phase != "critic":
                (losses.total * weight).backward()
            self.healthy &= torch.isfinite(losses.total.detach())
            parts = {key: parts.get(key, 0) + weight * value for key, value in losses.parts.items()}
            shown.append((weight, output.detach(), compared))

        if phase != "critic":
            if self.recipe.optimizer.clip_norm is not None:
                nn.utils.clip_grad_norm_(self.parameters, self.recipe.optimizer.clip_norm)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)

        if phase != "generator":
            for critic, optimizer in zip(self.critics, self.critic_optimizers):
                optimizer.zero_grad(set_to_none=True)
                for weight, output, compared in shown:
                    loss = critic.critic_loss(output, compared)
                    (loss * weight).backward()
                    self.healthy &= torch.isfinite(loss.detach())
                optimizer.step()
        return parts

    def _seed(self, seed: int) -> None:
        if self.device.type == "cpu":  # before CUDA starts, `torch.manual_seed` queues every call with its stack
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def _changing(self) -> Iterator[Tensor]:
        """Every tensor that a step changes."""
        for module in (self.model, self.objective):
            yield from module.parameters()
            yield from module.buffers()
        for optimizer in (self.optimizer, *self.critic_optimizers):
            for state in optimizer.state.values():
                yield from (value for value in state.values() if isinstance(value, Tensor))
        yield self.healthy

    def colorize(self, gray: Tensor) -> Output:
        """The prediction for gray input `(b, 1, h, w)` in [-1, 1], which the loss `cycle` asks for."""
        lightness = (gray + 1) * 50
        no_color = lightness.new_zeros(len(lightness), 2, *lightness.shape[-2:])
        return self.forward(Batch.from_rgb(lab_to_rgb(torch.cat([lightness, no_color], dim=1))))

    def read_loss(self, parts: dict[str, Tensor]) -> dict:
        """`loss`, the weighted sum, and its `parts` as numbers. Reads from the device."""
        weights = dict(zip(self.objective.names, self.objective.weights))
        values = {key: float(value) for key, value in parts.items()}
        return {"loss": sum(weights.get(key, 0.0) * value for key, value in values.items()), "parts": values}

    @property
    def is_healthy(self) -> bool:
        """Whether every loss so far was finite. Reads from the device: ask at block ends."""
        return bool(self.healthy)

    def check_health(self) -> None:
        """Raises Diverged after a loss that was not finite."""
        if not self.is_healthy:
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
            "average": None if self.average is None else self.average.state_dict(),
            "pools": [[picture.cpu() for picture in pool.kept] for pool in self._pools],
        }

    def load(self, state: dict) -> None:
        """Continue from a state, wherever its tensors lie."""
        self.step_count = state["step"]
        self.model.load_state_dict(state["model"])
        self.objective.load_state_dict(state["objective"])
        load_optimizer(self.optimizer, state["optimizer"])
        for optimizer, saved in zip(self.critic_optimizers, state["critics"]):
            load_optimizer(optimizer, saved)
        if self.average is not None:
            self.average.load(state["average"])
        for pool, kept in zip(self._pools, state["pools"]):
            pool.load([picture.to(self.device) for picture in kept])

    @property
    def _pools(self) -> list[ImagePool]:
        return [critic.pool for critic in self.critics]

    def _micro_batches(self, photos: Tensor, others: Tensor | None) -> Iterator[tuple[float, Batch, Batch]]:
        """Shares of the batch: their weight, the photos, and what predictions are held against."""
        size = self.micro_batch or len(photos)
        pairs = zip(photos.split(size), (photos if others is None else others).split(size))
        for part, compared in pairs:
            truth = Batch.from_rgb(part)
            yield len(part) / len(photos), truth, truth if others is None else Batch.from_rgb(compared)

    def _phase(self, share: float) -> str:
        return phase_at(self.recipe.phases, share, bool(self.critics))

    def _set_rates(self, factor: float) -> None:
        self.rate = self.recipe.optimizer.lr * factor
        set_rate(self.optimizer, self.rate)
        for critic, optimizer in zip(self.critics, self.critic_optimizers):
            set_rate(optimizer, critic.optimizer["lr"] * factor)
