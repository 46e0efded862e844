"""Real-Time User-Guided Image Colorization (Zhang et al. 2017, arXiv 1705.02999): `siggraph17`.

The trunk of `eccv16` without strides, subsampled between its blocks; input of four channels (lightness, ab hints, their
mask); transposed convolutions back to full size with additive shortcuts from blocks 3, 2 and 1; 128 -> 2. A class head,
1x1 of 256 -> 529 at 1/4, guides the trunk in training.

This is the automatic network: the channels of the hints and of their mask are zero.

Unclear, and the reading taken:
- the authors run the class head's gradient into the trunk while the color branch then sees detached features, in a first
  stage, and the reverse in a second. Here one stage: both gradients reach the trunk, weighed by the loss expression;
- the published network ends with tanh; here the head applies it.

With `pretrained="official"` it colors as the authors' file does (see `official`).
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu

from colorbench.generators.eccv16 import block, trunk
from colorbench.generators.official import load_official
from colorbench.generators.sizes import cropped, padded
from colorbench.tensors import Gray, Raw

CLASSES = 529


class Siggraph17(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`.

    Args:
        out_channels: of the head.
        width: channels of the first block.
        class_head: also give `logits_529`: in training forward gives `{"raw": ..., "logits_529": ...}` at 1/4.
        pretrained: `official`, the authors' weights, which need the head `ab`; or None.
    """

    def __init__(self, out_channels: int = 2, width: int = 64, class_head: bool = True, pretrained: str | None = None):
        super().__init__()
        w = width
        self.blocks = trunk(4, w, strided=False)
        self.up8, self.up9, self.up10 = _up(8 * w, 4 * w), _up(4 * w, 2 * w), _up(2 * w, 2 * w)
        self.short8, self.short9, self.short10 = _same(4 * w, 4 * w), _same(2 * w, 2 * w), _same(w, 2 * w)
        self.block8 = nn.Sequential(nn.ReLU(), *block(4 * w, 4 * w, 2))
        self.block9 = nn.Sequential(nn.ReLU(), *block(2 * w, 2 * w, 1))
        self.block10 = _same(2 * w, 2 * w)
        self.last = nn.Conv2d(2 * w, out_channels, 1)
        self.classes = nn.Conv2d(4 * w, CLASSES, 1) if class_head else None
        self.pretrained = load_official(
            self, "siggraph17", pretrained, width=(width, 64), out_channels=(out_channels, 2)
        )

    def forward(self, gray: Gray) -> Raw | dict[str, Tensor]:
        x = padded(gray, 8)
        no_hints = x.new_zeros(len(x), 3, *x.shape[-2:])
        x, eight = self.paint(torch.cat([x, no_hints], dim=1))
        raw = cropped(x, gray)
        if self.classes is None or not self.training:
            return raw
        return {"raw": raw, "logits_529": cropped(self.classes(eight), gray, stride=4)}

    def paint(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Raw at full size, and the features at 1/4 that the class head reads."""
        one = self.blocks[0](x)
        two = self.blocks[1](one[..., ::2, ::2])
        three = self.blocks[2](two[..., ::2, ::2])
        x = three[..., ::2, ::2]
        for deep in self.blocks[3:]:
            x = deep(x)
        eight = self.block8(self.up8(x) + self.short8(three))
        nine = self.block9(self.up9(eight) + self.short9(two))
        ten = leaky_relu(self.block10(relu(self.up10(nine) + self.short10(one))), 0.2)
        return self.last(ten), eight


def _up(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)


def _same(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)
