"""LossRow: what the table says about one loss."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class LossRow:
    """One loss: how to call it, what it looks at, where it comes from.

    Attributes:
        key: its word in expressions, kebab-case.
        function: the loss on plain tensors, `(pred, target, *, settings) -> (b,)`, or the small module that
            holds its weights.
        view: what it looks at: `ab` (seen divided by 110), `lab`, `rgb` or `logits` (the target is then ab).
        unit: of its value.
        source: paper or code it follows.
        per_image: does it give `(b,)`; False: one value for the whole batch.
        needs_head: `bins` when it looks at bin logits.
        needs: what must be there beside the pictures: the split's `prior`, a trained `critic`, pretrained
            `weights`, `unpaired` photos.
        needs_extra: the name in `Output.extras` without which it cannot be computed.
        paper_weight: the weight its paper gives it; an expression writes its own, 1 when it writes none.
        views: the views `view=` may choose among; empty: no choice.
        check: called with the settings when an objective is built; refuses what does not fit together.
        term: the module that serves it in an objective, when a plain call on its view is not enough.
    """

    key: str
    function: Callable
    view: Literal["rgb", "lab", "ab", "logits"]
    unit: str
    source: str
    per_image: bool = True
    needs_head: Literal["bins"] | None = None
    needs: Literal["prior", "critic", "weights", "unpaired"] | None = None
    needs_extra: str | None = None
    paper_weight: float = 1.0
    views: tuple[str, ...] = ()
    check: Callable | None = None
    term: Callable | None = None

    @property
    def settings(self) -> dict[str, object]:
        """The settings an expression may give, with their defaults."""
        parameters = inspect.signature(self.term or self.function).parameters.values()
        own = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        return {**own, "view": self.view} if self.views else own
