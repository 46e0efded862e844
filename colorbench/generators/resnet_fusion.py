"""The ResNet / auto-encoder system, after Deep Koalarization (Baldassarre 2017, arXiv 1712.03400) and Iizuka 2016.

Encoder 3x3 ReLU 64 s2, 128, 128 s2, 256, 256 s2, 512, 512, 256. What a ResNet says of the whole picture is repeated over
every position and concatenated; 1x1 to 256; decoder 128, up, 64, 64, up, 32, 2, up. Heads Lab and Luv.

Unclear, and the reading taken:
- which vector of the ResNet is fused. Deep Koalarization takes the 1000 class scores, and only those give the 6.6 M
  parameters beside the ResNet; so does the default. `vector="pooled"` takes the pooled features instead (6.45 M with
  ResNet-18). Both are means over the picture, the scores after one linear layer;
- the ResNet is frozen whenever it is pretrained; without pretrained weights it is trained along;
- the published networks end with tanh (or sigmoid); the head applies it.
"""

import torch
from torch import Tensor, nn

from colorbench.blocks import start_kaiming
from colorbench.generators.pretrained import describe_weights, frozen_when, gray_as_rgb, imagenet, on_meta
from colorbench.generators.sizes import at_any_size
from colorbench.tensors import Gray, Raw

ENCODERS = {"resnet18": 512, "resnet34": 512, "resnet50": 2048}
VECTORS = ("scores", "pooled")


class ResnetFusion(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`.

    Args:
        out_channels: of the head.
        width: channels of the first convolution; the others scale along.
        encoder: `resnet18`, `resnet34` or `resnet50`, which says what the picture shows.
        vector: `scores` (1000) or `pooled` (512 or 2048).
        pretrained: `imagenet` or None.
        frozen: keep the ResNet as it is; None: exactly when it is pretrained.
    """

    def __init__(
        self,
        out_channels: int = 2,
        width: int = 64,
        encoder: str = "resnet18",
        vector: str = "scores",
        pretrained: str | None = None,
        frozen: bool | None = None,
    ):
        super().__init__()
        self.pretrained = describe_weights(encoder, pretrained)
        self.expert = frozen_when(frozen, _resnet(encoder, vector, pretrained), pretrained)
        self.encoder = _encoder(width)
        described = 1000 if vector == "scores" else ENCODERS[encoder]
        self.fusion = nn.Sequential(nn.Conv2d(4 * width + described, 4 * width, 1), nn.ReLU(inplace=True))
        self.decoder = _decoder(width, out_channels)

    def forward(self, gray: Gray) -> Raw:
        return at_any_size(self.paint, gray, 8, least=64)

    def paint(self, x: Tensor) -> Tensor:
        features, seen = self.encoder(x), self.expert(gray_as_rgb(x))
        everywhere = seen[:, :, None, None].expand(-1, -1, *features.shape[-2:])
        return self.decoder(self.fusion(torch.cat([features, everywhere.to(features.dtype)], dim=1)))


def _resnet(encoder: str, vector: str, pretrained: str | None) -> nn.Module:
    from torchvision import models

    if encoder not in ENCODERS:
        raise ValueError(f"unknown encoder {encoder!r}; known encoders: {', '.join(ENCODERS)}")
    if vector not in VECTORS:
        raise ValueError(f"unknown vector {vector!r}; known: {', '.join(VECTORS)}")
    network = getattr(models, encoder)(weights="IMAGENET1K_V1" if imagenet(pretrained) and not on_meta() else None)
    if vector == "pooled":
        network.fc = nn.Identity()
    return network


def _paint(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.ReLU(inplace=True)]


def _encoder(width: int) -> nn.Sequential:
    steps = ((1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 1), (4, 1))
    inputs = [1, *(width * times for times, _ in steps)]
    return nn.Sequential(
        *(layer for i, (times, s) in zip(inputs, steps) for layer in _paint(i, width * times, s))
    ).apply(start_kaiming)


def _decoder(width: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        *_paint(4 * width, 2 * width),
        nn.Upsample(scale_factor=2),
        *_paint(2 * width, width),
        *_paint(width, width),
        nn.Upsample(scale_factor=2),
        *_paint(width, width // 2),
        nn.Conv2d(width // 2, out_channels, 3, padding=1),
        nn.Upsample(scale_factor=2),
    )
