"""pix2pix's U-Net (Isola, Zhu, Zhou, Efros 2017, arXiv 1611.07004), `unet_256` of the authors' PyTorch code.

Eight 4x4 stride-2 convolutions down, 64-128-256-512x5, LeakyReLU 0.2; eight 4x4 stride-2 transposed ones up, ReLU; skips
concatenated; batch norm everywhere but first and innermost down; dropout 0.5 on the three inner ups of 512.

Unclear, and the reading taken:
- the published network ends with tanh; here the head applies it, so raw comes without;
- the paper keeps dropout at test time as its only noise; a benchmark wants one answer, so eval mode is deterministic;
- eight levels need 256 px; a smaller picture is padded to that. A recipe at 128 or 64 px sets `depth` to 7 or 6, as the
  authors' `unet_128` does.
"""

from torch import Tensor, nn

from colorbench.blocks import make_norm, run_unet, start_normal
from colorbench.generators.sizes import at_any_size
from colorbench.tensors import Gray, Raw


class UNetPix2pix(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`.

    Args:
        out_channels: of the head.
        width: channels of the first level, doubled up to eight times itself.
        depth: number of strided convolutions, 4 or more; sides are padded to a multiple of 2**depth.
        norm: `batch`, `instance`, `group` or `none`.
        dropout: probability on the three inner ups below the innermost.
    """

    def __init__(
        self, out_channels: int = 2, width: int = 64, depth: int = 8, norm: str = "batch", dropout: float = 0.5
    ):
        super().__init__()
        if depth < 4:
            raise ValueError(f"unet-pix2pix has at least 4 levels, got depth={depth}")
        widths = [width * min(2**level, 8) for level in range(depth)]
        self.downs = nn.ModuleList(
            _down(i, o, norm, first=level == 0, innermost=level == depth - 1)
            for level, (i, o) in enumerate(zip([1, *widths], widths))
        )
        self.ups = nn.ModuleList(
            _up(
                widths[level] * (1 if level == depth - 1 else 2),
                widths[level - 1],
                norm,
                dropout * (4 <= level < depth - 1),
            )
            for level in range(depth - 1, 0, -1)
        )
        self.last = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * width, out_channels, 4, 2, 1))
        self.multiple = 2**depth
        self.apply(start_normal)

    def forward(self, gray: Gray) -> Raw:
        return at_any_size(self.paint, gray, self.multiple)

    def paint(self, x: Tensor) -> Tensor:
        return self.last(run_unet(x, self.downs, self.ups))


def _down(inputs: int, outputs: int, norm: str, first: bool, innermost: bool) -> nn.Sequential:
    plain = first or innermost
    layers: list[nn.Module] = [] if first else [nn.LeakyReLU(0.2)]
    layers.append(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=norm != "batch"))
    return nn.Sequential(*layers) if plain else nn.Sequential(*layers, make_norm(norm, outputs))


def _up(inputs: int, outputs: int, norm: str, dropout: float) -> nn.Sequential:
    layers = [nn.ReLU(), nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=norm != "batch"), make_norm(norm, outputs)]
    return nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []))
