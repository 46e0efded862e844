"""PatchGAN: a convolutional critic that judges patches, not pictures.

Isola 2017 (pix2pix), appendix 6.1.2: 4x4 convolutions C64 (stride 2, no norm), C128 s2, C256 s2, C512 s1, 1
s1, padding 1, LeakyReLU .2, weights from N(0, .02). 256 x 256 gives 30 x 30 logits. `layers` sets the number
of strided convolutions and so the receptive field.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

NORMS = ("batch", "instance", "none")


def receptive_field(layers: int) -> int:
    """Side of the patch one logit sees, in pixels.

    >>> [receptive_field(layers) for layers in (1, 2, 3, 5)]
    [16, 34, 70, 286]
    """
    side = 1 + 3 + 3  # the two last convolutions have stride 1
    for _ in range(layers):
        side = 2 * side + 2
    return side


class PatchGan(nn.Module):
    """Pictures `(b, channels, h, w)` -> one logit a patch `(b, 1, h', w')`.

    Args:
        channels: of what it looks at; 3 for lightness + ab, 6 for a pair of RGB pictures.
        width: channels of the first convolution; they double up to 8 x.
        layers: strided convolutions; receptive field 16, 34, 70, 142, 286 pixels for 1..5.
        norm: `batch`, `instance` or `none`.
        spectral: spectral norm on every convolution (Miyato 2018).
    """

    def __init__(self, channels: int, width: int = 64, layers: int = 3, norm: str = "batch", spectral: bool = False):
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"unknown norm {norm!r} of a PatchGAN; known norms: {', '.join(NORMS)}")
        if channels < 1 or width < 1 or layers < 1:
            raise ValueError(
                f"a PatchGAN needs channels, width and layers of at least 1, got {channels}, {width}, {layers}"
            )
        self.smallest_side = 3 * 2**layers  # two logits' width survives the strided part
        widths = [width * min(2**depth, 8) for depth in range(layers + 1)]
        blocks = [_block(channels, width, 2, "none", spectral)]
        for depth in range(1, layers + 1):
            blocks.append(_block(widths[depth - 1], widths[depth], 2 if depth < layers else 1, norm, spectral))
        self.blocks = nn.ModuleList(blocks)
        self.head = _convolution(widths[-1], 1, 1, True, spectral)
        self.apply(initialise)

    def features(self, picture: Float[Tensor, "b c h w"]) -> list[Tensor]:
        """The activation of every block, the first one first; the logits are not among them."""
        if min(picture.shape[-2:]) < self.smallest_side:
            raise ValueError(
                f"pictures of {picture.shape[-2]} x {picture.shape[-1]} are too small for this PatchGAN; give at least "
                f"{self.smallest_side} pixels a side or fewer layers, as in patchgan(layers=1)"
            )
        seen = []
        for block in self.blocks:
            picture = block(picture)
            seen.append(picture)
        return seen

    def forward(self, picture: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 h2 w2"]:
        return self.head(self.features(picture)[-1])


def _convolution(inputs: int, outputs: int, stride: int, bias: bool, spectral: bool) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, 4, stride, padding=1, bias=bias)
    return nn.utils.parametrizations.spectral_norm(convolution) if spectral else convolution


def _block(inputs: int, outputs: int, stride: int, norm: str, spectral: bool) -> nn.Sequential:
    layers = [_convolution(inputs, outputs, stride, norm != "batch", spectral)]
    if norm != "none":
        layers.append(nn.BatchNorm2d(outputs) if norm == "batch" else nn.InstanceNorm2d(outputs))
    return nn.Sequential(*layers, nn.LeakyReLU(0.2))


@torch.no_grad()
def initialise(module: nn.Module) -> None:
    """N(0, .02) for convolutions, N(1, .02) for norms, no bias (DCGAN, pix2pix)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        weight = getattr(module, "parametrizations", None)
        nn.init.normal_(weight.weight.original if weight else module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
