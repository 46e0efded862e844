"""The UNET/VGG system's network as it is coded (Image-Colorization-Using-UNET): VGG-like levels, trained from scratch.

A level is three times (3x3, batch norm, LeakyReLU 0.3); 64-128-256-512, bottleneck 1024; max-pool down; a stride-2 3x3
transposed convolution, batch norm, LeakyReLU up. Its skips leave from the third convolution *before* norm and activation.
Trained to RGB at 128x128.

Unclear, and the reading taken:
- the code ends with a sigmoid; here the `rgb` head applies it;
- how many convolutions follow a concatenation is not said: three, like every level, give the 50.24 M parameters.
"""

import torch
from torch import Tensor, nn

from colorbench.blocks import make_norm
from colorbench.generators.sizes import at_any_size
from colorbench.tensors import Gray, Raw

SLOPE = 0.3


class Level(nn.Module):
    """Three times (3x3, norm, LeakyReLU): gives the skip, taken before the last norm, and the result."""

    def __init__(self, inputs: int, outputs: int, norm: str):
        super().__init__()
        self.start = nn.Sequential(_unit(inputs, outputs, norm), _unit(outputs, outputs, norm))
        self.third = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.finish = nn.Sequential(make_norm(norm, outputs), nn.LeakyReLU(SLOPE))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        skip = self.third(self.start(x))
        return skip, self.finish(skip)


class UNetVggStyle(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`; `width` of the first level, `depth` pools, `norm`."""

    def __init__(self, out_channels: int = 2, width: int = 64, depth: int = 4, norm: str = "batch"):
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.downs = nn.ModuleList(Level(i, o, norm) for i, o in zip([1, *widths], widths))
        self.ups = nn.ModuleList(_enlarge(2 * o, o, norm) for o in widths[-2::-1])
        self.merges = nn.ModuleList(Level(2 * o, o, norm) for o in widths[-2::-1])
        self.last = nn.Conv2d(width, out_channels, 1)
        self.pool = nn.MaxPool2d(2)
        self.multiple = 2**depth

    def forward(self, gray: Gray) -> Raw:
        return at_any_size(self.paint, gray, self.multiple, least=2 * self.multiple)

    def paint(self, x: Tensor) -> Tensor:
        skips = []
        for down in self.downs:
            skip, x = down(self.pool(x) if skips else x)
            skips.append(skip)
        for up, merge, skip in zip(self.ups, self.merges, skips[-2::-1]):
            _, x = merge(torch.cat([skip, up(x)], dim=1))
        return self.last(x)


def _unit(inputs: int, outputs: int, norm: str) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), make_norm(norm, outputs), nn.LeakyReLU(SLOPE))


def _enlarge(inputs: int, outputs: int, norm: str) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, 3, 2, padding=1, output_padding=1),
        make_norm(norm, outputs),
        nn.LeakyReLU(SLOPE),
    )
