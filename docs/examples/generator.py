"""A generator of your own: any `nn.Module` from gray `(b, 1, h, w)` in [-1, 1] to `(b, out_channels, h', w')`."""

from torch import nn


class TinyNet(nn.Module):
    """Three convolutions."""

    def __init__(self, out_channels: int = 2, width: int = 16):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, out_channels, 3, padding=1),
        )

    def forward(self, gray):
        return self.layers(gray)


GENERATORS = {"tiny-net": TinyNet}
