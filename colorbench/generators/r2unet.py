"""R2U-Net (Alom et al. 2018, arXiv 1802.06955), as the scenery system uses it.

A level is a recurrent residual block: 1x1 to C; two recurrent units, each one shared (3x3, batch norm, ReLU) applied
t + 1 = 3 times, first to x and then to x + its own last result; plus the 1x1's result. Max-pool down, nearest x2 + 3x3 up,
skips concatenated, 64 to 1024.

Unclear in the paper, and the reading taken: whether "t = 2" is two or three applications. Three, as its figure unfolds it
and the widely used copy does; this reading costs 152 GMAC. The parameters are the same either way.

Batch norm is shared like the convolution, but each application keeps running statistics of its own: x and x + its own
result differ in scale, and one average of both fits neither when the network is used.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from colorbench.blocks import make_norm, run_unet, up_conv
from colorbench.generators.sizes import at_any_size
from colorbench.tensors import Gray, Raw


class Recurrent(nn.Module):
    """x1 = f(x), then t times x1 = f(x + x1), with one shared f = ReLU(norm(3x3))."""

    def __init__(self, channels: int, times: int, norm: str):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = SharedBatchNorm(channels, times + 1) if norm == "batch" else _AnyTime(make_norm(norm, channels))
        self.times = times

    def forward(self, x: Tensor) -> Tensor:
        again = relu(self.norm(self.conv(x), 0))
        for time in range(1, self.times + 1):
            again = relu(self.norm(self.conv(x + again), time))
        return again


class SharedBatchNorm(nn.Module):
    """One weight and bias for all applications of a unit, running statistics for each."""

    def __init__(self, channels: int, applications: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels, affine=False) for _ in range(applications))

    def forward(self, x: Tensor, time: int) -> Tensor:
        return torch.addcmul(self.bias[:, None, None], self.norms[time](x), self.weight[:, None, None])


class _AnyTime(nn.Module):
    """A norm without running statistics: the same at every application."""

    def __init__(self, norm: nn.Module):
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor, time: int) -> Tensor:
        return self.norm(x)


class RecurrentResidual(nn.Module):
    """1x1 to C, two recurrent units, plus the 1x1's result."""

    def __init__(self, inputs: int, outputs: int, times: int, norm: str):
        super().__init__()
        self.widen = nn.Conv2d(inputs, outputs, 1)
        self.recurrent = nn.Sequential(Recurrent(outputs, times, norm), Recurrent(outputs, times, norm))

    def forward(self, x: Tensor) -> Tensor:
        x = self.widen(x)
        return x + self.recurrent(x)


class R2UNet(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`; `width`, `depth` pools, `times` (t), `norm`."""

    def __init__(self, out_channels: int = 2, width: int = 64, depth: int = 4, times: int = 2, norm: str = "batch"):
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.downs = nn.ModuleList(RecurrentResidual(i, o, times, norm) for i, o in zip([1, *widths], widths))
        self.ups = nn.ModuleList(up_conv(2 * o, o, norm) for o in widths[-2::-1])
        self.merges = nn.ModuleList(RecurrentResidual(2 * o, o, times, norm) for o in widths[-2::-1])
        self.last = nn.Conv2d(width, out_channels, 1)
        self.pool = nn.MaxPool2d(2)
        self.multiple = 2**depth

    def forward(self, gray: Gray) -> Raw:
        return at_any_size(self.paint, gray, self.multiple, least=2 * self.multiple)

    def paint(self, x: Tensor) -> Tensor:
        return self.last(run_unet(x, self.downs, self.ups, self.merges, self.pool))
