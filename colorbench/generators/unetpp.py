"""U-Net++ (Zhou, Siddiquee, Tajbakhsh, Liang 2018, arXiv 1807.10165), as the scenery system uses it.

A triangular grid of nodes: X(i, j) is two convolutions of [X(i, 0) ... X(i, j-1), up X(i+1, j-1)], widths 64 to 1024. With
deep supervision the picture is the mean of four 1x1 heads on X(0, 1) ... X(0, 4), each trained as well.

Unclear in the paper, and the reading taken: how `up` enlarges. A 4x4 stride-2 transposed convolution that halves the
channels gives the 47.18 M parameters and 135 GMAC of the specification; 2x2 (36.17 M) and bilinear (36.63 M) do not.
"""

import torch
from torch import Tensor, nn

from colorbench.blocks import double_conv
from colorbench.generators.sizes import cropped, padded
from colorbench.tensors import Gray, Raw


class UNetPlusPlus(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`.

    Args:
        out_channels: of the head.
        width: channels of the first row; each row below doubles them.
        depth: number of max-pools.
        norm: `batch`, `instance`, `group` or `none`.
        deep_supervision: average all heads; in training forward gives `{"raw": mean, "deep": [one raw per head]}`.
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
        self.pool = nn.MaxPool2d(2)
        self.ups, self.nodes = nn.ModuleDict(), nn.ModuleDict()
        for i, inputs in enumerate([1, *widths[:-1]]):
            self.nodes[f"{i}_0"] = double_conv(inputs, widths[i], norm)
        for j in range(1, depth + 1):
            for i in range(depth + 1 - j):
                self.ups[f"{i}_{j}"] = nn.ConvTranspose2d(widths[i + 1], widths[i], 4, 2, 1)
                self.nodes[f"{i}_{j}"] = double_conv((j + 1) * widths[i], widths[i], norm)
        heads = depth if deep_supervision else 1
        self.heads = nn.ModuleList(nn.Conv2d(width, out_channels, 1) for _ in range(heads))

    def forward(self, gray: Gray) -> Raw | dict[str, object]:
        multiple = 2**self.depth
        top_row = self.grid(padded(gray, multiple, 2 * multiple))
        raws = [cropped(head(x), gray) for head, x in zip(self.heads, top_row[-len(self.heads) :])]
        raw = raws[0] if len(raws) == 1 else torch.stack(raws).mean(0)
        return {"raw": raw, "deep": raws} if self.deep_supervision and self.training else raw

    def grid(self, x: Tensor) -> list[Tensor]:
        """X(0, 0) ... X(0, depth)."""
        rows: list[list[Tensor]] = []
        for i in range(self.depth + 1):
            rows.append([self.nodes[f"{i}_0"](self.pool(rows[-1][0]) if i else x)])
        for j in range(1, self.depth + 1):
            for i in range(self.depth + 1 - j):
                below = self.ups[f"{i}_{j}"](rows[i + 1][j - 1])
                rows[i].append(self.nodes[f"{i}_{j}"](torch.cat([*rows[i], below], dim=1)))
        return rows[0]
