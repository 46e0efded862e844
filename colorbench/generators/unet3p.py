"""UNet 3+ (Huang et al. 2020, arXiv 2004.08790), as the scenery system uses it.

Encoder 64 to 1024. Every decoder node gathers all five scales: each is brought to the node's scale (max-pool or bilinear),
3x3 to 64, batch norm, ReLU; the five are concatenated to 320 channels; 3x3 to 320, batch norm, ReLU. Full-scale deep
supervision gives each of the five scales a 3x3 head, enlarged to the picture.

Unclear, and the reading taken: no classification-guided module, which asks whether an organ is there at all. Without deep
supervision the one head sits on the finest node. Only then, 3x3, it is 26.97 M as published.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from colorbench.blocks import conv3x3, double_conv
from colorbench.generators.sizes import cropped, padded
from colorbench.tensors import Gray, Raw


class Node(nn.Module):
    """One decoder node: all scales to its own, each 3x3, concatenated, 3x3."""

    def __init__(self, inputs: list[int], width: int, norm: str):
        super().__init__()
        self.branches = nn.ModuleList(conv3x3(channels, width, norm) for channels in inputs)
        self.merge = conv3x3(width * len(inputs), width * len(inputs), norm)

    def forward(self, scales: list[Tensor], level: int) -> Tensor:
        brought = [_to_level(x, source, level) for source, x in enumerate(scales)]
        return self.merge(torch.cat([branch(x) for branch, x in zip(self.branches, brought)], dim=1))


def _to_level(x: Tensor, source: int, level: int) -> Tensor:
    """A map at stride 2**source, at stride 2**level."""
    if source < level:
        return max_pool2d(x, 2 ** (level - source))
    return x if source == level else _enlarged(x, 2 ** (source - level))


def _enlarged(x: Tensor, times: int) -> Tensor:
    return interpolate(x, scale_factor=times, mode="bilinear", align_corners=False)


class UNet3Plus(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`.

    Args:
        out_channels: of the head.
        width: channels of the first level and of every branch; each level below doubles them.
        depth: number of max-pools.
        norm: `batch`, `instance`, `group` or `none`.
        deep_supervision: one head per scale; in training forward gives `{"raw": finest, "deep": [one raw per scale]}`.
    """

    def __init__(
        self,
        out_channels: int = 2,
        width: int = 64,
        depth: int = 4,
        norm: str = "batch",
        deep_supervision: bool = False,
    ):
        super().__init__()
        self.depth, self.deep_supervision = depth, deep_supervision
        widths = [width * 2**level for level in range(depth + 1)]
        wide = width * (depth + 1)
        self.pool = nn.MaxPool2d(2)
        self.downs = nn.ModuleList(double_conv(i, o, norm) for i, o in zip([1, *widths], widths))
        self.nodes = nn.ModuleList(
            Node(widths[: level + 1] + [wide] * (depth - 1 - level) + [widths[-1]], width, norm)
            for level in range(depth)
        )
        scales = [wide] * depth + [widths[-1]]
        self.heads = nn.ModuleList(
            nn.Conv2d(c, out_channels, 3, padding=1) for c in (scales if deep_supervision else [wide])
        )

    def forward(self, gray: Gray) -> Raw | dict[str, object]:
        multiple = 2**self.depth
        scales = self.decode(self.encode(padded(gray, multiple, 2 * multiple)))
        if not (self.deep_supervision and self.training):
            return cropped(self.heads[0](scales[0]), gray)
        raws = [cropped(_to_level(head(x), level, 0), gray) for level, (head, x) in enumerate(zip(self.heads, scales))]
        return {"raw": raws[0], "deep": raws}

    def encode(self, x: Tensor) -> list[Tensor]:
        scales: list[Tensor] = []
        for down in self.downs:
            scales.append(down(self.pool(scales[-1]) if scales else x))
        return scales

    def decode(self, scales: list[Tensor]) -> list[Tensor]:
        """Coarse to fine; a node sees the encoder at its own scale and finer, and the decoder at coarser ones."""
        decoded = list(scales)
        for level in range(self.depth - 1, -1, -1):
            decoded[level] = self.nodes[level](decoded, level)
        return decoded
