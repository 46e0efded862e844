"""CycleGAN's generator (Zhu, Park, Isola, Efros 2017, arXiv 1703.10593): `resnet-9blocks`.

Reflection pad and 7x7 to 64, two stride-2 3x3 to 128 and 256, nine residual blocks of 256 (reflection pad, 3x3, instance
norm, twice), two transposed 3x3, reflection pad and 7x7 out. `depth=6` is the authors' choice for 128 px.

Unclear, and the reading taken: the published network ends with tanh; here the head applies it. Instance norm has no affine
part and keeps no running statistics, as in the authors' code.
"""

from torch import nn

from colorbench.blocks import resnet
from colorbench.generators.sizes import at_any_size
from colorbench.tensors import Gray, Raw


class ResnetBlocks(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`; `width` of the first layer, `depth` blocks, `norm`."""

    def __init__(self, out_channels: int = 2, width: int = 64, depth: int = 9, norm: str = "instance"):
        super().__init__()
        self.layers = resnet(1, out_channels, width, depth, norm)

    def forward(self, gray: Gray) -> Raw:
        return at_any_size(self.layers, gray, 4)
