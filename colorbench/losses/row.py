"""LossRow: what the table says about one loss."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class LossRow:
    """One loss: how to call it, what it looks at, where it comes from.

    Attributes:
        key: its word in expressions, kebab-case.
        function: the loss on plain tensors, `(pred, target, *, settings) -> (b,)` or a scalar.
        view: what it looks at: `ab` (divided by 110), `lab`, `rgb` or `logits` (the target is then ab).
        unit: of its value.
        source: paper or code it follows.
        citation: the paper, as "Authors. Title. VENUE YEAR. arXiv ID".
        per_image: it gives `(b,)`; False: one value for the whole batch.
        needs_head: `bins` if it looks at bin logits.
        needs: what must be there beside the pictures: the split's `prior`, a trained `critic`, pretrained `weights`,
            `unpaired` photos.
        views: the views `view=` may choose among; empty: no choice.
        check: called with the settings when an objective is built; refuses what does not fit together.
        term: the module that serves it in an objective, if a plain call on its view is not enough.
        formerly: settings whose default has changed, with what they were. The canonical text always states them, so a
            cell recorded before, whose text does not, keeps its key and its meaning (`build_loss(..., recorded=True)`).
    """

    key: str
    function: Callable
    view: Literal["rgb", "lab", "ab", "logits"]
    unit: str
    source: str
    per_image: bool = True
    needs_head: Literal["bins"] | None = None
    needs: Literal["prior", "critic", "weights", "unpaired"] | None = None
    views: tuple[str, ...] = ()
    check: Callable | None = None
    term: Callable | None = None
    formerly: Mapping[str, object] = field(default_factory=dict)
    citation: str = ""

    @property
    def settings(self) -> dict[str, object]:
        """The settings an expression may give, with their defaults."""
        parameters = inspect.signature(self.term or self.function).parameters.values()
        own = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        return {**own, "view": self.view} if self.views else own
