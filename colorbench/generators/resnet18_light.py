"""Melas-Kyriazi's small network: half a gray ResNet-18 and five convolutions ("Image colorization with convolutional
neural networks", 2018).

ResNet-18 up to 1/8 (stem and two stages), its first convolution summed over RGB; then 3x3 128, up, 64, 64, up, 32, 2, up,
batch norm and ReLU after each but the last.

Unclear, and the reading taken: `up` is nearest, as in the author's notebook. A pretrained ResNet trains along, as there.
"""

from torch import Tensor, nn

from colorbench.blocks import conv3x3
from colorbench.generators.pretrained import (
    describe_weights,
    gray_as_imagenet,
    imagenet,
    on_meta,
    summed_over_rgb,
)
from colorbench.generators.sizes import at_any_size
from colorbench.tensors import Gray, Raw


class Resnet18Light(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`.

    Args:
        out_channels: of the head.
        width: channels of the decoder's first convolution.
        pretrained: `imagenet` or None.
    """

    def __init__(self, out_channels: int = 2, width: int = 128, pretrained: str | None = None):
        super().__init__()
        if width < 4:
            raise ValueError(f"resnet18-light needs width 4 or more, got {width}")
        self.pretrained = describe_weights("resnet18", pretrained)
        self.encoder = _half_resnet18(pretrained)
        self.decoder = nn.Sequential(
            conv3x3(128, width),
            nn.Upsample(scale_factor=2),
            conv3x3(width, width // 2),
            conv3x3(width // 2, width // 2),
            nn.Upsample(scale_factor=2),
            conv3x3(width // 2, width // 4),
            nn.Conv2d(width // 4, out_channels, 3, padding=1),
            nn.Upsample(scale_factor=2),
        )

    def forward(self, gray: Gray) -> Raw:
        return at_any_size(self.paint, gray, 8)

    def paint(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(gray_as_imagenet(x)))


def _half_resnet18(pretrained: str | None) -> nn.Sequential:
    from torchvision.models import resnet18

    network = resnet18(weights="IMAGENET1K_V1" if imagenet(pretrained) and not on_meta() else None)
    return nn.Sequential(
        summed_over_rgb(network.conv1), network.bn1, network.relu, network.maxpool, network.layer1, network.layer2
    )
