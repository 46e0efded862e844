"""The scenery system's own generator: an encoder-decoder of three-stream units.

Unit, with f = ReLU(norm(3x3)) from C to C: s1 = f1(x) + x; s2 = f2(s1) + x; s3 = f3(s2) + s2; s4 = f4(s3) + s2;
out = f5(s4) + x + f6(x). Encoder: three times [strided convolution, unit], then strided convolution, unit. Decoder: four
times up x2 and combine with the feature that entered the matching strided convolution (concatenate, 1x1), a unit on the
first three.

Unclear, and the reading taken: channel counts are not published; 64-128-256-512 is declared. The strided convolution is
3x3 with norm and ReLU; `up` is nearest without weights, the 1x1 brings the next finer width. The last combination meets
the gray picture itself, which entered the first strided convolution; it gives `width` channels, then f and 1x1 to the
head's channels: so 25.3 M, and 6.34 M with 32..256. The system ends with tanh, which the head applies here.
"""

import torch
from torch import Tensor, nn

from colorbench.blocks import conv3x3
from colorbench.generators.sizes import at_any_size
from colorbench.tensors import Gray, Raw


class Unit(nn.Module):
    """The three-stream unit, C to C."""

    def __init__(self, channels: int, norm: str):
        super().__init__()
        self.f = nn.ModuleList(conv3x3(channels, channels, norm) for _ in range(6))

    def forward(self, x: Tensor) -> Tensor:
        f1, f2, f3, f4, f5, f6 = self.f
        s2 = f2(f1(x) + x) + x
        s4 = f4(f3(s2) + s2) + s2
        return f5(s4) + x + f6(x)


class TriStream(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`; `width` of the first level, `depth` levels, `norm`."""

    def __init__(self, out_channels: int = 2, width: int = 64, depth: int = 4, norm: str = "batch"):
        super().__init__()
        widths = [width * 2**level for level in range(depth)]
        self.downs = nn.ModuleList(
            nn.Sequential(conv3x3(i, o, norm, stride=2), Unit(o, norm)) for i, o in zip([1, *widths], widths)
        )
        entered = [*widths[-2::-1], 1]
        finer = [*widths[-2::-1], width]
        self.up = nn.Upsample(scale_factor=2)
        self.combine = nn.ModuleList(nn.Conv2d(i + e, o, 1) for i, e, o in zip(widths[::-1], entered, finer))
        self.units = nn.ModuleList([*(Unit(o, norm) for o in finer[:-1]), conv3x3(width, width, norm)])
        self.last = nn.Conv2d(width, out_channels, 1)
        self.multiple = 2**depth

    def forward(self, gray: Gray) -> Raw:
        return at_any_size(self.paint, gray, self.multiple, least=2 * self.multiple)

    def paint(self, x: Tensor) -> Tensor:
        entered = []
        for down in self.downs:
            entered.append(x)
            x = down(x)
        for combine, unit, skip in zip(self.combine, self.units, entered[::-1]):
            x = unit(combine(torch.cat([self.up(x), skip], dim=1)))
        return self.last(x)
