"""CycleGAN's generator (Zhu, Park, Isola, Efros 2017, arXiv 1703.10593): `resnet-9blocks`.

Reflection pad and 7x7 to 64, two stride-2 3x3 to 128 and 256, nine residual blocks of 256 (reflection pad, 3x3, instance
norm, twice), two transposed 3x3, reflection pad and 7x7 out. `depth=6` is the authors' choice for 128 px.

Unclear, and the reading taken: the published network ends with tanh; here the head applies it. Instance norm has no affine
part and keeps no running statistics, as in the authors' code.
"""

from torch import Tensor, nn

from colorbench.generators.blocks import make_norm, start_normal
from colorbench.generators.sizes import at_any_size
from colorbench.tensors import Gray, Raw


class Residual(nn.Module):
    """x + norm(3x3(ReLU(norm(3x3(x))))), reflection-padded."""

    def __init__(self, channels: int, norm: str):
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=norm != "batch"),
            make_norm(norm, channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=norm != "batch"),
            make_norm(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class ResnetBlocks(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`; `width` of the first layer, `depth` blocks, `norm`."""

    def __init__(self, out_channels: int = 2, width: int = 64, depth: int = 9, norm: str = "instance"):
        super().__init__()
        w, bias = width, norm != "batch"
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(3),
            _active(nn.Conv2d(1, w, 7, bias=bias), norm),
            _active(nn.Conv2d(w, 2 * w, 3, 2, 1, bias=bias), norm),
            _active(nn.Conv2d(2 * w, 4 * w, 3, 2, 1, bias=bias), norm),
            *(Residual(4 * w, norm) for _ in range(depth)),
            _active(nn.ConvTranspose2d(4 * w, 2 * w, 3, 2, 1, output_padding=1, bias=bias), norm),
            _active(nn.ConvTranspose2d(2 * w, w, 3, 2, 1, output_padding=1, bias=bias), norm),
            nn.ReflectionPad2d(3),
            nn.Conv2d(w, out_channels, 7),
        )
        self.apply(start_normal)

    def forward(self, gray: Gray) -> Raw:
        return at_any_size(self.paint, gray, 4)

    def paint(self, x: Tensor) -> Tensor:
        return self.layers(x)


def _active(convolution: nn.Conv2d | nn.ConvTranspose2d, norm: str) -> nn.Sequential:
    return nn.Sequential(convolution, make_norm(norm, convolution.out_channels), nn.ReLU(inplace=True))
