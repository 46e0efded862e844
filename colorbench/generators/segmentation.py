"""Networks that segmentation_models_pytorch has: `unet-vgg16`, `unet-resnet18`, `linknet`.

- `unet-vgg16`: the UNET/VGG system as its text describes it, a U-Net on a VGG16 (-bn) encoder, all layers trainable.
- `unet-resnet18`: the tutorial's fastai DynamicUnet on ResNet-18. The library's U-Net decoder stands in for fastai's
  (no pixel shuffle, no cross-connection of the input); that is the reading of the specification.
- `linknet`: Chaurasia & Culurciello 2017 (arXiv 1707.03718): ResNet-18 encoder, decoder block 1x1 to C/4, transposed
  convolution, 1x1; skips added. The literature counts 11.5 M parameters, this library's last block brings 11.66 M.

The input has one channel, so the first convolution has one; a pretrained one is summed over RGB and fed the lightness
with ImageNet's mean and deviation, averaged over RGB.
"""

from typing import Any

from torch import Tensor, nn

from colorbench.generators.pretrained import describe_weights, gray_as_imagenet, imagenet, on_meta, vgg16_state
from colorbench.generators.sizes import at_any_size
from colorbench.tensors import Gray, Raw

STRIDE = 32


class Segmentation(nn.Module):
    """A segmentation_models_pytorch network on any size from 16 px: gray -> raw `(b, out_channels, h, w)`."""

    def __init__(self, network: nn.Module, pretrained: str | None = None):
        super().__init__()
        self.network = network
        self.pretrained = pretrained

    def forward(self, gray: Gray) -> Raw:
        return at_any_size(self.paint, gray, STRIDE, least=2 * STRIDE)

    def paint(self, x: Tensor) -> Tensor:
        return self.network(gray_as_imagenet(x) if self.pretrained else x)


def unet_vgg16(
    out_channels: int = 2, width: int = 16, depth: int = 5, encoder: str = "vgg16_bn", pretrained: str | None = None
) -> nn.Module:
    """U-Net on VGG16. `width`: channels of the last decoder level (16: 256, 128, 64, 32, 16); `depth`: levels, 3 to 5.

    `pretrained="imagenet"` needs no hub for `encoder="vgg16"`: those weights are the ones perceptual losses use.
    """
    return _unet(encoder, ("vgg16_bn", "vgg16", "vgg11_bn", "vgg11"), out_channels, width, depth, pretrained)


def unet_resnet18(
    out_channels: int = 2, width: int = 16, depth: int = 5, encoder: str = "resnet18", pretrained: str | None = None
) -> nn.Module:
    """U-Net on ResNet-18 (or `resnet34`); options as in `unet_vgg16`."""
    return _unet(encoder, ("resnet18", "resnet34"), out_channels, width, depth, pretrained)


def linknet(
    out_channels: int = 2, depth: int = 5, encoder: str = "resnet18", pretrained: str | None = None
) -> nn.Module:
    """LinkNet on ResNet-18 (or `resnet34`); `depth` levels of the encoder, 3 to 5."""
    import segmentation_models_pytorch as smp

    _known(encoder, ("resnet18", "resnet34"))
    network = smp.Linknet(encoder, depth, _hub(encoder, pretrained), in_channels=1, classes=out_channels)
    _drop_unused(network.encoder, depth)
    return Segmentation(network, describe_weights(encoder, pretrained))


def _unet(
    encoder: str, encoders: tuple[str, ...], out_channels: int, width: int, depth: int, pretrained: str | None
) -> nn.Module:
    import segmentation_models_pytorch as smp

    _known(encoder, encoders)
    decoder = tuple(width * 2**level for level in range(depth - 1, -1, -1))
    network = smp.Unet(
        encoder, depth, _hub(encoder, pretrained), decoder_channels=decoder, in_channels=1, classes=out_channels
    )
    if encoder == "vgg16" and imagenet(pretrained) and not on_meta():
        _load_vgg16(network.encoder.features)
    _drop_unused(network.encoder, depth)
    return Segmentation(network, describe_weights(encoder, pretrained))


def _drop_unused(encoder: Any, depth: int) -> None:
    """The library keeps an encoder's deeper stages whatever the depth; they would be parameters without a gradient."""
    if hasattr(encoder, "layer4"):
        for stage in range(depth, 5):
            setattr(encoder, f"layer{stage}", nn.Identity())
    else:
        pools = [i for i, layer in enumerate(encoder.features) if isinstance(layer, nn.MaxPool2d)]
        encoder.features = nn.Sequential(*encoder.features[: [*pools, len(encoder.features)][depth] + 1])


def _known(encoder: str, encoders: tuple[str, ...]) -> None:
    if encoder not in encoders:
        raise ValueError(f"unknown encoder {encoder!r}; known encoders: {', '.join(encoders)}")


def _hub(encoder: str, pretrained: str | None) -> str | None:
    return "imagenet" if imagenet(pretrained) and encoder != "vgg16" and not on_meta() else None


def _load_vgg16(features: Any) -> None:
    """torchvision's VGG16 convolutions; the first one summed over RGB."""
    state = vgg16_state()
    state["0.weight"] = state["0.weight"].sum(1, keepdim=True)
    features.load_state_dict({key: state[key] for key in features.state_dict()})
