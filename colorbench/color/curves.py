"""Curves that are a power above a knee and a straight line below it: the gamma of sRGB, and CIE's cube root."""

from dataclasses import dataclass
from typing import no_type_check

import torch
from torch import Tensor

from colorbench.color.autograd import is_traced, needs_gradient

Line = tuple[float, float]
"""Scale and offset."""


@dataclass(frozen=True)
class PowerCurve:
    """outer(inner(x) ** exponent) where x > knee, else below(x), element by element. Gradients are finite everywhere.

    What is not finite gives no finite value.

    >>> square_root = PowerCurve(knee=0.01, exponent=0.5, below=(5.0, 0.05))
    >>> square_root(torch.tensor([0.0, 0.25]))
    tensor([0.0500, 0.5000])
    """

    knee: float
    exponent: float
    below: Line
    inner: Line = (1.0, 0.0)
    outer: Line = (1.0, 0.0)

    def __call__(self, x: Tensor) -> Tensor:
        # compilers, torch.func and forward mode differentiate the operations; without gradients `apply` would cost .05 ms
        value = _Curve.apply if needs_gradient([x]) and not is_traced() else _Curve.forward
        return value(x, self.knee, self.exponent, *self.below, *self.inner, *self.outer)


@no_type_check  # of torch's own signatures
class _Curve(torch.autograd.Function):
    """The slope follows from the value by one division, where autograd would go back through log, exp and both branches."""

    @staticmethod
    def forward(x, knee, exponent, below_scale, below_offset, inner_scale, inner_offset, outer_scale, outer_offset):
        # clamped before the power: the branch not taken is finite, and so is its gradient
        powers = power(affine(x.clamp(min=knee), inner_scale, inner_offset), exponent)
        return select(x, knee, affine(powers, outer_scale, outer_offset), affine(x, below_scale, below_offset))

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, *ctx.numbers = inputs
        ctx.save_for_backward(x, output)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * _slope(*ctx.saved_tensors, *ctx.numbers), *(None for _ in ctx.numbers)


def _slope(x, y, knee, exponent, below_scale, _, inner_scale, inner_offset, outer_scale, outer_offset):
    base = affine(x.clamp(min=knee), inner_scale, inner_offset)
    above = affine(y, exponent * inner_scale, -outer_offset * exponent * inner_scale) / base
    return select(x, knee, above, torch.full_like(x, below_scale))


def power(positive: Tensor, exponent: float) -> Tensor:
    """positive ** exponent, exact to 8e-7 of the value for the curves of sRGB and CIE on their ranges.

    On a CPU by powers of 2, for which torch has fast kernels on every one: .3 to .6 of the time of pow, .7 of that of exp and
    log. On a GPU pow is one kernel, and exp2 one that each process has to compile first.
    `positive` may be overwritten: give a result of your own.
    """
    if positive.device.type != "cpu":
        return positive**exponent
    if is_recorded(positive):
        return torch.exp2(torch.log2(positive) * exponent)
    return positive.log2_().mul_(exponent).exp2_()


def affine(x: Tensor, scale: float, offset: float) -> Tensor:
    """scale * x + offset, in one pass at most."""
    if offset:
        return torch.rsub(x, offset, alpha=-scale)
    return x if scale == 1 else x * scale


def select(x: Tensor, knee: float, above: Tensor, below: Tensor) -> Tensor:
    """`above` where x > knee, else `below`: all of one shape. Finite values are those of `torch.where` to the last bit.

    Eager, `where` and the comparison before it take five times as long as this: neither is vectorized on a CPU.
    """
    if is_recorded(x):
        return torch.where(x > knee, above, below)
    return torch.lerp(below, above, torch.gt(x, knee, out=torch.empty_like(x)))


def is_recorded(x: Tensor) -> bool:
    """Whether autograd records what is computed from x, or something else traces it: nothing is overwritten then."""
    return needs_gradient([x]) or is_traced()
