"""The residual U-Net of the loss-comparing system (Black and white image colorization).

Down: 4x4 stride-2 convolution, batch norm, LeakyReLU 0.2, with a residual 1x1 stride-2 convolution across the block and no
pooling. Up: 4x4 stride-2 transposed convolution, batch norm, ReLU; skips concatenated.

Unclear, and the reading taken: widths and first weights are not published. pix2pix's are declared: 64-128-256-512x5, eight
levels, weights from N(0, 0.02); `depth=5` is the five-level version. The shortcut is added before the activation, as in a
ResNet. Innermost there is a single pixel at 256 px, so the innermost block has no norm, as in pix2pix.
"""

from torch import Tensor, nn
from torch.nn.functional import conv2d, leaky_relu

from colorbench.blocks import make_norm, run_unet, start_normal
from colorbench.generators.sizes import at_any_size
from colorbench.tensors import Gray, Raw


class Down(nn.Module):
    """LeakyReLU(norm(4x4 stride 2) + 1x1 stride 2)."""

    def __init__(self, inputs: int, outputs: int, norm: str):
        super().__init__()
        self.main = nn.Sequential(nn.Conv2d(inputs, outputs, 4, 2, 1), make_norm(norm, outputs))
        self.shortcut = nn.Conv2d(inputs, outputs, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        return leaky_relu(self.main(x) + self._across(x), 0.2)

    def _across(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or x.shape[1] >= 16:
            return self.shortcut(x)
        # as a strided convolution of few channels, in channels-last and on one thread, torch 2.14 writes beyond its memory
        return conv2d(x[..., ::2, ::2], self.shortcut.weight, self.shortcut.bias)


class ResUNet(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`.

    Args:
        out_channels: of the head.
        width: channels of the first level, doubled up to eight times itself.
        depth: strided blocks, 8 or, at 128 px, 5; sides are padded to a multiple of 2**depth.
        norm: `batch`, `instance`, `group` or `none`.
    """

    def __init__(self, out_channels: int = 2, width: int = 64, depth: int = 8, norm: str = "batch"):
        super().__init__()
        widths = [width * min(2**level, 8) for level in range(depth)]
        norms = [norm] * (depth - 1) + ["none"]
        self.downs = nn.ModuleList(Down(i, o, n) for i, o, n in zip([1, *widths], widths, norms))
        self.ups = nn.ModuleList(
            _up(widths[level] * (1 if level == depth - 1 else 2), widths[level - 1], norm)
            for level in range(depth - 1, 0, -1)
        )
        self.last = nn.ConvTranspose2d(width if depth == 1 else 2 * width, out_channels, 4, 2, 1)
        self.multiple = 2**depth
        self.apply(start_normal)

    def forward(self, gray: Gray) -> Raw:
        return at_any_size(self.paint, gray, self.multiple)

    def paint(self, x: Tensor) -> Tensor:
        return self.last(run_unet(x, self.downs, self.ups))


def _up(inputs: int, outputs: int, norm: str) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), make_norm(norm, outputs), nn.ReLU(inplace=True))
