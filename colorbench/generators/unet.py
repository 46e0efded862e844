"""U-Net (Ronneberger, Fischer, Brox 2015, arXiv 1505.04597), as the scenery system uses it.

A level is twice (3x3, batch norm, ReLU); max-pool down; nearest x2 and 3x3 up; skips concatenated; 64-128-256-512-1024.

Unclear in the paper, and the reading taken: the paper has unpadded convolutions, no batch norm and 2x2 transposed
convolutions; the scenery system, like the copy most people train, pads, normalizes and enlarges by nearest + 3x3.
"""

from torch import Tensor, nn

from colorbench.blocks import double_conv, run_unet, up_conv
from colorbench.generators.sizes import at_any_size
from colorbench.tensors import Gray, Raw


class UNet(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`, any size from 16 px.

    Args:
        out_channels: 2 for ab, 3 for RGB, 313 for bins.
        width: channels of the first level; each level below doubles them.
        depth: number of max-pools.
        norm: `batch`, `instance`, `group` or `none`.
    """

    def __init__(self, out_channels: int = 2, width: int = 64, depth: int = 4, norm: str = "batch"):
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.downs = nn.ModuleList(double_conv(i, o, norm) for i, o in zip([1, *widths], widths))
        self.ups = nn.ModuleList(up_conv(2 * o, o, norm) for o in widths[-2::-1])
        self.merges = nn.ModuleList(double_conv(2 * o, o, norm) for o in widths[-2::-1])
        self.last = nn.Conv2d(width, out_channels, 1)
        self.pool = nn.MaxPool2d(2)
        self.multiple = 2**depth

    def forward(self, gray: Gray) -> Raw:
        return at_any_size(self.paint, gray, self.multiple, least=2 * self.multiple)

    def paint(self, x: Tensor) -> Tensor:
        return self.last(run_unet(x, self.downs, self.ups, self.merges, self.pool))
