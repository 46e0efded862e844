"""Colorful Image Colorization (Zhang, Isola, Efros 2016, arXiv 1603.08511): `eccv16`.

ReLU blocks with batch norm only at their ends: [1, 64, 64 s2] [128, 128 s2] [256, 256, 256 s2] [512 x3] [512 x3 dilated 2]
[512 x3 dilated 2] [512 x3], a 4x4 transposed convolution to 256, 256, 256, and 1x1 to 313 logits, at 1/4 of the size.

Unclear, and the reading taken: the authors' demo network carries on with a softmax and a fixed 313 -> 2 projection; here
the `bins` head decodes, so raw is the logits. Their input is (L - 50) / 100, this project's L / 50 - 1; the first
convolution learns the factor. Under another head the same layers give that head's channels, at 1/4 as well.
With `pretrained="official"` it colors as the authors' file does (see `official`).

The trunk, seven blocks of 3x3 convolutions, is shared with `siggraph17`.
"""

from jaxtyping import Float
from torch import Tensor, nn

from colorbench.generators.official import load_official
from colorbench.generators.sizes import cropped, padded
from colorbench.tensors import Gray

BLOCKS = ((2, 1, 1), (2, 2, 1), (3, 4, 1), (3, 8, 1), (3, 8, 2), (3, 8, 2), (3, 8, 1))
"""Convolutions, channels in units of `width`, dilation; the first three blocks lead to 1/2, 1/4 and 1/8 of the size."""


class Eccv16(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, ceil(h/4), ceil(w/4))`.

    Args:
        out_channels: of the head.
        width: channels of the first block.
        pretrained: `official`, the authors' weights, which need the head `bins`; or None.
    """

    def __init__(self, out_channels: int = 313, width: int = 64, pretrained: str | None = None):
        super().__init__()
        self.blocks = trunk(1, width, strided=True)
        self.last = nn.Sequential(
            nn.ConvTranspose2d(8 * width, 4 * width, 4, 2, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(4 * width, 4 * width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(4 * width, 4 * width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(4 * width, out_channels, 1),
        )
        self.pretrained = load_official(self, "eccv16", pretrained, width=(width, 64), out_channels=(out_channels, 313))

    def forward(self, gray: Gray) -> Float[Tensor, "b c quarter_h quarter_w"]:
        x = padded(gray, 8)
        for block in self.blocks:
            x = block(x)
        return cropped(self.last(x), gray, stride=4)


def block(inputs: int, outputs: int, convolutions: int, dilation: int = 1, stride: int = 1) -> nn.Sequential:
    """So many times 3x3 and ReLU, the last of stride `stride`; then batch norm."""
    layers: list[nn.Module] = []
    for place in range(convolutions):
        steps = stride if place == convolutions - 1 else 1
        layers.append(nn.Conv2d(inputs, outputs, 3, steps, padding=dilation, dilation=dilation))
        layers.append(nn.ReLU(inplace=True))
        inputs = outputs
    return nn.Sequential(*layers, nn.BatchNorm2d(outputs))


def trunk(inputs: int, width: int, strided: bool) -> nn.ModuleList:
    """The seven blocks; the first three end with stride 2 when `strided`, else the caller subsamples after them."""
    blocks = nn.ModuleList()
    for place, (convolutions, times, dilation) in enumerate(BLOCKS):
        blocks.append(block(inputs, width * times, convolutions, dilation, 2 if strided and place < 3 else 1))
        inputs = width * times
    return blocks
