"""Colorful Image Colorization (Zhang, Isola, Efros 2016, arXiv 1603.08511): `eccv16`.

ReLU blocks with batch norm only at their ends: [1, 64, 64 s2] [128, 128 s2] [256, 256, 256 s2] [512 x3] [512 x3 dilated 2]
[512 x3 dilated 2] [512 x3], a 4x4 transposed convolution to 256, 256, 256, and 1x1 to 313 logits, at 1/4 of the size.

Unclear, and the reading taken: the authors' demo network carries on with a softmax and a fixed 313 -> 2 projection; here
the `bins` head decodes, so raw is the logits. Their input is (L - 50) / 100, this project's L / 50 - 1; the first
convolution learns the factor. Under another head the same layers give that head's channels, at 1/4 as well.
"""

from jaxtyping import Float
from torch import Tensor, nn

from colorbench.generators.sizes import cropped, padded
from colorbench.generators.zhang import trunk
from colorbench.tensors import Gray


class Eccv16(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, ceil(h/4), ceil(w/4))`; `width` of the first block."""

    def __init__(self, out_channels: int = 313, width: int = 64):
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

    def forward(self, gray: Gray) -> Float[Tensor, "b c quarter_h quarter_w"]:
        x = padded(gray, 8)
        for block in self.blocks:
            x = block(x)
        return cropped(self.last(x), gray, stride=4)
