"""Pretrained encoders: where their weights come from, what they expect, and how a frozen one stays frozen."""

import torch
from torch import Tensor, nn

from colorbench.features.networks import IMAGENET_MEAN, IMAGENET_STD, imagenet_normalized

PRETRAINED = ("imagenet",)


def imagenet(pretrained: str | None) -> bool:
    """Whether pretraining is asked for. The one known name is `imagenet`; None starts from scratch."""
    if pretrained is not None and pretrained not in PRETRAINED:
        raise ValueError(f"unknown pretrained weights {pretrained!r}; known: {', '.join(PRETRAINED)}, or none")
    return pretrained is not None


def on_meta() -> bool:
    """Whether networks are being built without storage, to be counted only. Then no weights are fetched."""
    return torch.get_default_device().type == "meta"


def describe_weights(encoder: str, pretrained: str | None) -> str | None:
    """What a record says was pretrained: `vgg16 imagenet`, or None."""
    return f"{encoder} {pretrained}" if imagenet(pretrained) else None


def gray_as_imagenet(gray: Tensor) -> Tensor:
    """Lightness in [-1, 1] as the one-channel input of an ImageNet network whose first layer was summed over RGB.

    L* / 100 stands for the gamma-coded gray; mean and deviation are averaged over RGB.
    """
    mean, std = sum(IMAGENET_MEAN) / 3, sum(IMAGENET_STD) / 3
    return ((gray + 1) / 2 - mean) / std


def gray_as_rgb(gray: Tensor) -> Tensor:
    """Lightness in [-1, 1] repeated to the three channels of an ImageNet network, normalized: `(b, 3, h, w)`."""
    return imagenet_normalized(((gray + 1) / 2).expand(-1, 3, -1, -1))


def vgg16_state() -> dict[str, Tensor]:
    """torchvision's VGG16 convolutions, keys `0.weight` ..., from the weights folder, the hub's cache or the net.

    Raises:
        WeightsMissing: if they are unavailable; the message says how to get them.
    """
    from colorbench.features.load import FEATURES
    from colorbench.features.weights import find_weights, read_state

    state = read_state(find_weights(FEATURES["vgg16"].file()))
    return {key.removeprefix("features."): value for key, value in state.items()}


def summed_over_rgb(convolution: nn.Conv2d) -> nn.Conv2d:
    """The same convolution for one channel: its weight summed over RGB, so gray gives what gray RGB gave."""
    summed = nn.Conv2d(
        1,
        convolution.out_channels,
        convolution.kernel_size,  # pyright: ignore[reportArgumentType] (torch annotates it looser than it takes it)
        convolution.stride,  # pyright: ignore[reportArgumentType]
        convolution.padding,  # pyright: ignore[reportArgumentType]
        bias=convolution.bias is not None,
    )
    with torch.no_grad():
        summed.weight.copy_(convolution.weight.sum(1, keepdim=True))
        if summed.bias is not None and convolution.bias is not None:
            summed.bias.copy_(convolution.bias)
    return summed


class Frozen(nn.Module):
    """A network that learns nothing: no parameter asks for a gradient, and `train()` leaves it in eval mode."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Frozen":
        super().train(False)
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)


def frozen_when(frozen: bool | None, network: nn.Module, pretrained: str | None) -> nn.Module:
    """`network` frozen if asked for, by default if it is pretrained: random weights are not frozen by default."""
    return Frozen(network) if (imagenet(pretrained) if frozen is None else frozen) else network
