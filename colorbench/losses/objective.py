"""Objective: the one module that turns an expression of losses into what a training loop minimizes.

A *term* is a module `forward(output, batch) -> (b,) | scalar | {part: value}`; the first part of a dict is minimized, the
others are only logged. Pure functions become terms through `PlainTerm`; losses with weights or state bring their own,
which may have `critics`, `trainable_parameters()`, `needs_prior` with `set_prior(prior)`, `attach(colorize)`,
`share(critic)` and `use_bf16()`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.features import bf16_features
from colorbench.losses.expression import Term, canonical, parse
from colorbench.losses.inputs import full_precision
from colorbench.losses.row import LossRow
from colorbench.tensors import AB_SCALE, Scalar, checked_rgb


class Losses(NamedTuple):
    """What a step gives: the scalar to minimize, and each part's own detached value, without its weight."""

    total: Scalar
    parts: dict[str, Scalar]


class PlainTerm(nn.Module):
    """A loss on plain tensors, shown the view its row names; ab is shown divided by 110."""

    def __init__(self, row: LossRow, **settings):
        super().__init__()
        self.view = settings.pop("view", row.view)
        if row.views and self.view not in row.views:
            raise ValueError(f"{row.key} has no view {self.view!r}; known views: {', '.join(row.views)}")
        if row.check:
            row.check(**settings)
        self.function, self.settings = row.function, settings

    def forward(self, output: Output, batch: Batch) -> Tensor:
        scale = AB_SCALE if self.view == "ab" else 1.0
        pred, target = output.view(self.view).float(), batch.view(self.view)
        return self.function(pred / scale, target / scale, **self.settings)


class Objective(nn.Module):
    """A weighted sum of terms. Made by `build_loss`.

    On plain RGB pictures `(b, 3, h, w)`, float in [0, 1] or uint8:

        objective = build_loss("l1 + ssim")
        objective(pred_rgb, true_rgb).total.backward()

    In a training loop it takes an `Output` and the `Batch` of the true photos, which share what losses compute twice:

        losses = objective(output, batch)              # does not touch the critics' gradients
        losses.total.backward(); generator_optimizer.step()
        for critic, optimizer in zip(objective.critics, critic_optimizers):
            optimizer.zero_grad(); critic.critic_loss(output.detach(), batch).backward(); optimizer.step()

    Its state_dict holds the critics, the second generator of `cycle` and the prior; frozen pretrained networks are not in
    it.

    Attributes:
        expression: the canonical expression.
        names, weights: of its terms, in order; the names are those of the parts.
        needs_head: `bins`, or None if any head will do.
        needs: `unpaired` if `batch` holds other photos than those `output` was made from, else None.
    """

    def __init__(self, terms: list[Term], table: Mapping[str, LossRow]):
        super().__init__()
        rows = [table[term.key] for term in terms]
        if len(rows) > 1 and any(row.needs == "unpaired" for row in rows):
            raise ValueError(
                f"{canonical(terms)!r}: an unpaired loss stands alone, because the others need the true photo; drop them"
            )
        self.expression = canonical(terms)
        self.names, self.weights = _names(terms), [term.weight for term in terms]
        self.terms = nn.ModuleList(map(_build, terms, rows))
        self.needs_head = next((row.needs_head for row in rows if row.needs_head), None)
        self.networks_in_bf16 = False
        self.needs = next((row.needs for row in rows if row.needs == "unpaired"), None)
        _share_critics(self._every_term())

    @property
    def needs_prior(self) -> bool:
        """Whether a term needs the train split's distribution over the color bins (`set_prior`)."""
        return any(getattr(term, "needs_prior", False) for term in self.terms)

    def set_prior(self, prior: Tensor) -> None:
        """Give every term that needs it the smoothed prior `(313,)` of the train split."""
        for term in self._every_term():
            if getattr(term, "needs_prior", False):
                term.set_prior(prior)

    @property
    def critics(self) -> list[Any]:
        """The modules that train against the generator, each a `Critic`: `critic_parameters()`, `critic_loss(output,
        batch)` and `optimizer`, the settings of its Adam."""
        return [critic for term in self.terms for critic in getattr(term, "critics", ())]

    def trainable_parameters(self) -> Iterator[nn.Parameter]:
        """What trains together with the generator, in its optimizer: the second generator of `cycle`."""
        for term in self._every_term():
            if hasattr(term, "trainable_parameters"):
                yield from term.trainable_parameters()

    def attach(self, colorize: Callable[[Tensor], Output]) -> None:
        """Give an unpaired objective the way back through the generator: gray `(b, 1, h, w)` -> Output."""
        for term in self._every_term():
            if hasattr(term, "attach"):
                term.attach(colorize)

    def use_bf16_networks(self) -> None:
        """From here on run critics, feature networks and the second generator of `cycle` in bf16 and channels_last.

        The rule: a network whose loss then stays within 1 % of float32 (photos with errors of 2 to 25 Lab units; hinge's
        generator, which crosses 0, within .002). The arithmetic around the networks stays float32, and so do critics with a
        gradient penalty and the classifier of `class-kl`. For bf16 protocols on a GPU; call it before the optimizers are made.
        """
        self.networks_in_bf16 = True
        for module in (*self._every_term(), *self.critics):
            if hasattr(module, "use_bf16"):
                module.use_bf16()

    @full_precision
    def forward(self, output: Output | Tensor, batch: Batch | Tensor, adversarial: bool = True) -> Losses:
        """The losses of a prediction; with auxiliary outputs (`extras['deep']`) the mean over it and them.

        Args:
            output: the prediction, or its RGB pictures.
            batch: the true photos, or their RGB pictures.
            adversarial: False leaves the terms with critics out: the pretraining of a generator that meets them later.

        Raises:
            TypeError, ValueError: pictures that do not fit each other, or a loss that needs more than RGB pictures.
        """
        output, batch = self._pair(output, batch)
        with bf16_features(self.networks_in_bf16):
            every = [self._one(each, batch, adversarial) for each in (output, *output.extras.get("deep", ()))]
        parts = {name: torch.stack([losses.parts[name] for losses in every]).mean() for name in every[0].parts}
        return Losses(torch.stack([losses.total for losses in every]).mean(), parts)

    def extra_repr(self) -> str:
        return repr(self.expression)

    def _pair(self, output: Output | Tensor, batch: Batch | Tensor) -> tuple[Output, Batch]:
        if not isinstance(output, Output):
            if self.needs_head == "bins":
                raise ValueError(
                    f"{self.expression!r} needs logits over the color bins, which RGB pictures do not have: give "
                    "Output.from_logits(logits, batch.lightness) and batch = Batch(true_rgb), both from colorbench.batch"
                )
            output = Output.from_rgb(checked_rgb(output, "pred"))
        if not isinstance(batch, Batch):
            batch = Batch(checked_rgb(batch, "target"))
        seen, true = output.lightness.shape, batch.rgb.shape
        if self.needs != "unpaired" and (seen[0], *seen[-2:]) != (true[0], *true[-2:]):
            raise ValueError(
                f"the prediction is {seen[0]} pictures of {seen[-2]} x {seen[-1]}, the truth {true[0]} of {true[-2]} x "
                f"{true[-1]}: a loss compares pictures of one shape and does not broadcast"
            )
        return output, batch

    def _one(self, output: Output, batch: Batch, adversarial: bool) -> Losses:
        total, parts = output.lightness.new_zeros(()), {}
        for name, weight, term in zip(self.names, self.weights, self.terms):
            if not adversarial and hasattr(term, "critics"):
                continue
            values = term(output, batch)
            values = values if isinstance(values, dict) else {"": values}
            values = {f"{name}-{part}" if part else name: value.mean() for part, value in values.items()}
            total = total + weight * next(iter(values.values()))
            parts |= {part: value.detach() for part, value in values.items()}
        if not parts:
            raise ValueError(f"{self.expression!r} has only adversarial terms: pretraining needs another, such as l1")
        return Losses(total, parts)

    def _every_term(self) -> list[Any]:
        """The terms, typed as Any: they have methods that a module lacks."""
        return list(self.terms)


def build_objective(expression: str, table: Mapping[str, LossRow], recorded: bool = False) -> Objective:
    """The objective of an expression over a table of losses."""
    return Objective(parse(expression, table, recorded), table)


def _build(term: Term, row: LossRow) -> nn.Module:
    return row.term(**term.settings) if row.term else PlainTerm(row, **term.settings)


def _names(terms: list[Term]) -> list[str]:
    """The key where it is unique in the expression, the key with its settings where it is not."""
    keys = [term.key for term in terms]
    return [term.key if keys.count(term.key) == 1 else term.name for term in terms]


def _share_critics(terms: list[Any]) -> None:
    """Give feature matching the first critic that the expression trains anyway."""
    critic = next((c for t in terms if not hasattr(t, "share") for c in getattr(t, "critics", ())), None)
    for term in terms:
        if critic is not None and hasattr(term, "share"):
            term.share(critic)
