"""Clipping to the sRGB gamut, and a clip whose gradient still points back.

Only 15 % of the Lab box is inside sRGB, so early in training most of a picture may be outside, where a plain
clip gives no gradient at all. The soft clip has the same values; its gradient passes where following it
(downhill) leads back into [0, 1], and stops where it would lead further out.
"""

from typing import Literal, no_type_check

import torch
from torch import Tensor

Clip = bool | Literal["soft"]


def check_clip(clip: Clip) -> None:
    """Refuse a setting that `clip_to_gamut` does not know."""
    if clip not in (True, False, "soft"):
        raise ValueError(f"clip is True, False or 'soft', got {clip!r}")


def clip_to_gamut(rgb: Tensor, clip: Clip) -> Tensor:
    """True: clip; "soft": the same values with a gradient that points back; False: as it is."""
    if clip == "soft":
        return _SoftClip.apply(rgb)
    return rgb.clamp(0, 1) if clip else rgb


@no_type_check  # a wrapped method cannot be compiled
class _SoftClip(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(rgb: Tensor) -> Tensor:
        return rgb.clamp(0, 1)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (rgb,) = ctx.saved_tensors
        outward = ((rgb > 1) & (gradient < 0)) | ((rgb < 0) & (gradient > 0))
        return gradient.masked_fill(outward, 0)
