"""Work: what decides how long a training step takes, by names and numbers alone. A step table has one row for each."""

import hashlib

from pydantic import Field

from colorbench.cell import Protocol, Recipe, Strict, Value, canonical_json


class Work(Strict):
    """One kind of training step: `options` are all of the generator's, `size_px` is the side at which it works.

    Optimiser settings other than the moving average are not told apart, nor are phases: a step is timed in its joint,
    full-size phase, the dearest.
    """

    generator: str
    options: dict[str, Value] = {}
    loss: str
    head: str
    size_px: int = Field(ge=16, le=4096)
    averaged: bool = False

    @property
    def id(self) -> str:
        """16 hex digits that name this work in tables and files."""
        facts = self.model_dump(mode="json", include=set(Work.model_fields))
        return hashlib.sha256(canonical_json(facts).encode()).hexdigest()[:16]

    @property
    def label(self) -> str:
        """For people.

        >>> Work(generator="unet", loss="l1", head="ab", size_px=64).label
        'unet+l1 (ab, 64 px)'
        """
        return f"{self.generator}+{self.loss.replace(' ', '')} ({self.head}, {self.size_px} px)"


def work_of(recipe: Recipe, protocol: Protocol) -> Work:
    """The work of a recipe under a protocol, every default filled in.

    Raises:
        KeyError: an unknown generator or loss.
    """
    from colorbench.generators.build import find_row
    from colorbench.losses import LOSSES
    from colorbench.losses.expression import canonical, parse

    return Work(
        generator=recipe.generator,
        options={**find_row(recipe.generator).options, **recipe.options},
        loss=canonical(parse(recipe.loss, LOSSES)),
        head=head_of(recipe),
        size_px=recipe.size_px or protocol.size_px,
        averaged=recipe.optimizer.ema is not None,
    )


def head_of(recipe: Recipe) -> str:
    """The head a recipe trains under: no loss is built, so no weights are needed."""
    from colorbench.generators.build import find_row
    from colorbench.losses import LOSSES
    from colorbench.losses.expression import parse

    if recipe.head != "auto":
        return recipe.head
    rows = (LOSSES[term.key] for term in parse(recipe.loss, LOSSES))
    needed = next((row.needs_head for row in rows if row.needs_head), None)
    return needed or find_row(recipe.generator).head
