"""Losses of colorization: one idea a file, one table, one expression language.

Each is a pure function (or a small module, where it has weights) on plain tensors; `build_loss` makes a
weighted sum of them by name; `LOSSES` is the table that the command line, the tests and the docs read.
"""

from collections.abc import Mapping

from colorbench.losses.adversarial import generator_loss
from colorbench.losses.objective import Losses, Objective, build_objective
from colorbench.losses.patchgan import PatchGanTerm
from colorbench.losses.pixel import charbonnier, huber, l1, l1_siggraph17, mse, smooth_l1
from colorbench.losses.row import LossRow

_AB_OR_RGB = ("ab", "rgb")

LOSSES: dict[str, LossRow] = {
    row.key: row
    for row in (
        LossRow("l1", l1, "ab", "ab / 110", "-", views=_AB_OR_RGB),
        LossRow("mse", mse, "ab", "(ab / 110)^2", "-", views=_AB_OR_RGB),
        LossRow("smooth-l1", smooth_l1, "ab", "ab / 110", "Girshick 2015", views=_AB_OR_RGB),
        LossRow("huber", huber, "ab", "(ab / 110)^2", "Huber 1964", views=_AB_OR_RGB),
        LossRow("charbonnier", charbonnier, "ab", "ab / 110", "Lai 2017", views=_AB_OR_RGB),
        LossRow("l1-siggraph17", l1_siggraph17, "ab", "(ab / 110)^2", "Zhang 2017", views=_AB_OR_RGB),
        LossRow("patchgan", generator_loss, "ab", "nats", "Isola 2017", needs="critic", term=PatchGanTerm),
    )
}


def build_loss(expression: str, *, prior: object = None, table: Mapping[str, LossRow] | None = None) -> Objective:
    """The objective of an expression such as `100*l1 + patchgan(mode='hinge')`.

    Args:
        expression: weighted losses; see colorbench.losses.expression for the language and its canonical form.
        prior: the train split's `(313,)` prior when it is known already; else `objective.set_prior`.
        table: other losses than `LOSSES`, as plug-ins bring them.

    >>> build_loss("patchgan(mode='hinge') + 1e2*l1").expression
    "100*l1 + patchgan(mode='hinge')"
    >>> build_loss("100*l1+patchgan").slug
    '100xl1+patchgan'
    """
    objective = build_objective(expression, LOSSES if table is None else table)
    if prior is not None:
        objective.set_prior(prior)
    return objective


__all__ = [
    "LOSSES",
    "LossRow",
    "Losses",
    "Objective",
    "build_loss",
    "charbonnier",
    "generator_loss",
    "huber",
    "l1",
    "l1_siggraph17",
    "mse",
    "smooth_l1",
]
