"""The convolutional parts of AlexNet, VGG16 and SqueezeNet 1.1, frozen, with every layer under its published name.

Names as in the papers that use them: VGG16 conv1_1, relu1_1 ... pool5 (Johnson 2016); AlexNet relu1 ... relu5 and
SqueezeNet relu1 ... relu7 (LPIPS, Zhang 2018). Input is RGB in [0, 1]; the ImageNet mean and standard deviation are
applied here (LPIPS's own scaling of [-1, 1] is the same map).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorbench.tensors import Rgb

CLASSIFIERS = ("vgg16", "alexnet", "squeezenet1_1")
CLASSIFIER_PX = 224

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def imagenet_normalized(rgb: Rgb) -> Tensor:
    """RGB in [0, 1] minus ImageNet's mean, over its deviation. With plain numbers: nothing is copied to the device."""
    channels = zip(rgb.split(1, dim=1), IMAGENET_MEAN, IMAGENET_STD)
    return torch.cat([(channel - mean) / std for channel, mean, std in channels], dim=1)


def classifier_input(rgb: Rgb) -> Tensor:
    """RGB in [0, 1] as ImageNet's classifiers were trained to see it: 224 x 224 (antialiased), normalized."""
    sized = F.interpolate(rgb, (CLASSIFIER_PX, CLASSIFIER_PX), mode="bilinear", antialias=True)
    return imagenet_normalized(sized)


ALEXNET_LAYERS = {"relu1": 1, "relu2": 4, "relu3": 7, "relu4": 9, "relu5": 11}
SQUEEZENET_LAYERS = {"relu1": 1, "relu2": 4, "relu3": 7, "relu4": 9, "relu5": 10, "relu6": 11, "relu7": 12}
VGG16_BLOCKS = (2, 2, 3, 3, 3)


def _vgg16_layers(norm: bool) -> dict[str, int]:
    """conv1_1 is index 0 of torchvision's `features`, relu1_1 is 1, ... pool5 is 30; with norm a step more each."""
    layers, index = {}, 0
    for block, convolutions in enumerate(VGG16_BLOCKS, start=1):
        for convolution in range(1, convolutions + 1):
            layers[f"conv{block}_{convolution}"] = index
            layers[f"relu{block}_{convolution}"] = index + (2 if norm else 1)
            index += 3 if norm else 2
        layers[f"pool{block}"] = index
        index += 1
    return layers


VGG16_LAYERS = _vgg16_layers(norm=False)
VGG16_BN_LAYERS = _vgg16_layers(norm=True)


class FeatureMaps(nn.Module):
    """A frozen stack of layers that returns the named feature maps asked for, and computes nothing beyond the last.

    Args:
        features: torchvision's `features`.
        layers: name -> index into `features`.
        default_layers: what `forward` returns when it is not told.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, features: nn.Sequential, layers: dict[str, int], default_layers: Sequence[str]):
        super().__init__()
        self.features = features
        self.layers = dict(layers)
        self.default_layers = tuple(default_layers)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        for module in self.features.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False  # a conv's own map must survive the ReLU behind it
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "FeatureMaps":
        """Frozen: stays in evaluation mode."""
        return super().train(False)

    def forward(self, rgb: Rgb, layers: Sequence[str] | None = None) -> dict[str, Tensor]:
        """The maps of these layers (default: LPIPS's), in the order asked for; RGB in [0, 1]. Float32, whatever the layers."""
        wanted = self.default_layers if layers is None else tuple(layers)
        stops = {self._index(name): name for name in wanted}
        with torch.autocast(rgb.device.type, enabled=False):
            x = (rgb.float() - self.mean) / self.std
            if self.weight.dtype == torch.bfloat16:
                x = x.to(torch.bfloat16, memory_format=torch.channels_last)
            found = {}
            for index in range(max(stops) + 1):
                x = self.features[index](x)
                if index in stops:
                    found[stops[index]] = x.float()
        return {name: found[name] for name in wanted}

    @property
    def weight(self) -> Tensor:
        """Of the first convolution."""
        return next(self.features.parameters())

    def _index(self, name: str) -> int:
        if name not in self.layers:
            raise KeyError(f"unknown layer {name!r}; known layers: {', '.join(self.layers)}")
        return self.layers[name]
