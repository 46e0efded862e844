"""The faces system: VGG16 features into a small decoder, no skips (trained on FFHQ at 224x224, ab out).

The lightness is repeated to three channels for VGG16's convolutions; the decoder is 3x3 ReLU 256, 128, up, 64, up, 32, up,
16, up, 2, up, with nearest enlargement.

Unclear, and the reading taken: the system ends with tanh, which the head applies here. VGG16 is frozen whenever it is
pretrained; without pretrained weights it is trained, because frozen random features would teach nothing.
"""

import itertools

from torch import Tensor, nn

from colorbench.blocks import start_kaiming
from colorbench.generators.pretrained import (
    describe_weights,
    frozen_when,
    gray_as_rgb,
    imagenet,
    on_meta,
    vgg16_state,
)
from colorbench.generators.sizes import at_any_size
from colorbench.tensors import Gray, Raw

STAGES = {11: (1, 1, 2, 2, 2), 16: (2, 2, 3, 3, 3)}


class Vgg16Cnn(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`.

    Args:
        out_channels: of the head.
        width: channels of VGG's first stage (64); the decoder scales along. Pretrained weights need 64.
        depth: 16 or 11, VGG's layers. Pretrained weights need 16.
        pretrained: `imagenet` or None.
        frozen: keep VGG as it is; None: exactly when it is pretrained.
    """

    def __init__(
        self,
        out_channels: int = 2,
        width: int = 64,
        depth: int = 16,
        pretrained: str | None = None,
        frozen: bool | None = None,
    ):
        super().__init__()
        if depth not in STAGES:
            raise ValueError(f"VGG has 16 or 11 layers here, got depth={depth}")
        features = _vgg(width, STAGES[depth])
        if imagenet(pretrained):
            if (width, depth) != (64, 16):
                raise ValueError(f"pretrained VGG16 has width 64 and depth 16, got width={width}, depth={depth}")
            if not on_meta():
                features.load_state_dict(
                    {key: value for key, value in vgg16_state().items() if key in features.state_dict()}
                )
        self.pretrained = describe_weights("vgg16", pretrained)
        self.features = frozen_when(frozen, features, pretrained)
        self.decoder = _decoder(width, out_channels)

    def forward(self, gray: Gray) -> Raw:
        return at_any_size(self.paint, gray, 32)

    def paint(self, x: Tensor) -> Tensor:
        return self.decoder(self.features(gray_as_rgb(x)))


def _vgg(width: int, stages: tuple[int, ...]) -> nn.Sequential:
    """VGG's convolutions, layer for layer as torchvision numbers them."""
    layers, inputs = [], 3
    for stage, convolutions in enumerate(stages):
        for _ in range(convolutions):
            outputs = width * min(2**stage, 8)
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers).apply(start_kaiming)


def _decoder(width: int, out_channels: int) -> nn.Sequential:
    def paint(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]

    widths = [width * 4, width * 2, width, width // 2, width // 4]
    if width < 4:
        raise ValueError(f"vgg16-cnn needs width 4 or more, got {width}")
    layers = paint(width * 8, widths[0])
    for inputs, outputs in itertools.pairwise(widths):
        layers += [*paint(inputs, outputs), nn.Upsample(scale_factor=2)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], out_channels, 3, padding=1), nn.Upsample(scale_factor=2))
