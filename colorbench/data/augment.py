"""Crop and mirror uint8 photos on the device: one gather on a GPU, plain copies on the CPU, the same bits."""

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor


def cut_and_flip(
    pixels: UInt8[Tensor, "n 3 s s"],
    rows: Int64[Tensor, "b"] | None,
    crops: Int64[Tensor, "b 3"],
    crop_px: int,
) -> UInt8[Tensor, "b 3 p p"]:
    """Rows of `pixels` (all in order when None), each cut at (top, left) to `crop_px` and mirrored where flipped is 1."""
    if pixels.device.type == "cpu":
        return _by_copies(pixels, rows, crops, crop_px)
    return _by_gather(pixels, rows, crops, crop_px)


def _by_gather(pixels: Tensor, rows: Tensor | None, crops: Tensor, crop_px: int) -> Tensor:
    count, device = len(crops), pixels.device
    along = torch.arange(crop_px, device=device)
    top, left, flipped = crops[:, 0:1], crops[:, 1:2], crops[:, 2:3]
    ys = top + along
    xs = left + torch.where(flipped > 0, crop_px - 1 - along, along)
    rows = torch.arange(count, device=device) if rows is None else rows
    channels = torch.arange(3, device=device)
    return pixels[rows[:, None, None, None], channels[:, None, None], ys[:, None, :, None], xs[:, None, None, :]]


def _by_copies(pixels: Tensor, rows: Tensor | None, crops: Tensor, crop_px: int) -> Tensor:
    batch = torch.empty(len(crops), 3, crop_px, crop_px, dtype=torch.uint8)
    sources = range(len(crops)) if rows is None else rows.tolist()
    for target, row, (top, left, flipped) in zip(batch, sources, crops.tolist()):
        cut = pixels[row, :, top : top + crop_px, left : left + crop_px]
        target.copy_(cut.flip(-1) if flipped else cut)
    return batch
