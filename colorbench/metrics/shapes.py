"""What every metric asks of its input before it computes: shapes and dtypes, never values (that would sync a GPU)."""

import torch
from torch import Tensor


class PictureTooSmall(ValueError):
    """The pictures have fewer pixels a side than this metric is defined for."""


def one(picture: Tensor, name: str = "pred", channels: int = 3) -> Tensor:
    """The pictures in float32 (float64 stays), or a sentence about what is wrong with them."""
    if not isinstance(picture, Tensor):
        raise TypeError(f"{name} is a {type(picture).__name__}, wanted a tensor: score() takes arrays and folders")
    if picture.ndim != 4 or picture.shape[1] != channels:
        raise ValueError(
            f"{name} has shape {tuple(picture.shape)}, wanted (b, {channels}, h, w): "
            "add a batch axis with [None], move channels first with movedim(-1, 1)"
        )
    if not picture.is_floating_point():
        raise ValueError(f"{name} is {picture.dtype}, wanted float in [0, 1]: divide uint8 by 255")
    return picture if picture.dtype == torch.float64 else picture.float()


def two(pred: Tensor, target: Tensor, channels: int = 3, least_px: int = 1) -> tuple[Tensor, Tensor]:
    """Both pictures in one floating dtype, of one shape, no side shorter than `least_px`."""
    pred, target = one(pred, "pred", channels), one(target, "target", channels)
    if pred.shape != target.shape:
        raise ValueError(
            f"pred has shape {tuple(pred.shape)}, target {tuple(target.shape)}: bring pred to the target's size first"
        )
    check_size(target, least_px)
    dtype = torch.promote_types(pred.dtype, target.dtype)
    return pred.to(dtype), target.to(dtype)


def check_size(picture: Tensor, least_px: int, metric: str = "this metric") -> None:
    """Refuse pictures with a side shorter than `least_px`."""
    h, w = picture.shape[-2:]
    if min(h, w) < least_px:
        raise PictureTooSmall(f"{metric} needs {least_px} px a side, got {h} x {w}: score at a larger size")
