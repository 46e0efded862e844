"""`load_features(name)`: one frozen network per name, its weights found or fetched, kept for the life of the process."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from colorbench.errors import unknown_name
from colorbench.features import networks
from colorbench.features.inception import FidInception, TorchvisionInception
from colorbench.features.weights import WeightFile, WeightsMissing, find_weights, read_state

INCEPTION_FILE = WeightFile(
    name="inception",
    url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
    megabytes=91.2,
    aliases=("inception_fid_2015_12_05_pool3_fp32.pth", "pt_inception-2015-12-05-6726825d.pth"),
)
TORCHVISION_INCEPTION_FILE = WeightFile(
    name="inception-torchvision",
    url="https://download.pytorch.org/models/inception_v3_google-1a9a5a14.pth",
    megabytes=103.8,
)


@dataclass(frozen=True)
class FeatureRow:
    """One network: how it is built without weights, and which file holds them."""

    name: str
    build: Callable[[], nn.Module]
    file: Callable[[], WeightFile]
    source: str


def _torchvision_file(name: str, weights: str, megabytes: int | float) -> Callable[[], WeightFile]:
    def file() -> WeightFile:
        from torchvision import models

        url = getattr(models, weights).IMAGENET1K_V1.url
        return WeightFile(name, url, megabytes, aliases=(f"{name}_features.pth",))

    return file


def _torchvision_maps(name: str, layers: dict[str, int], default: tuple[str, ...]) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        from torchvision import models

        with torch.device("meta"):
            features = getattr(models, name)(weights=None).features
        return networks.FeatureMaps(features.to_empty(device="cpu"), layers, default)

    return build


LPIPS_VGG16 = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")

FEATURES = {
    row.name: row
    for row in (
        FeatureRow(
            "alexnet",
            _torchvision_maps("alexnet", networks.ALEXNET_LAYERS, tuple(networks.ALEXNET_LAYERS)),
            _torchvision_file("alexnet", "AlexNet_Weights", 233.1),
            "Krizhevsky 2014, one weird trick",
        ),
        FeatureRow(
            "vgg16",
            _torchvision_maps("vgg16", networks.VGG16_LAYERS, LPIPS_VGG16),
            _torchvision_file("vgg16", "VGG16_Weights", 527.8),
            "Simonyan & Zisserman 2015",
        ),
        FeatureRow(
            "vgg16_bn",
            _torchvision_maps("vgg16_bn", networks.VGG16_BN_LAYERS, LPIPS_VGG16),
            _torchvision_file("vgg16_bn", "VGG16_BN_Weights", 527.9),
            "Simonyan & Zisserman 2015, with batch norm as DDColor compares by",
        ),
        FeatureRow(
            "squeezenet1_1",
            _torchvision_maps("squeezenet1_1", networks.SQUEEZENET_LAYERS, tuple(networks.SQUEEZENET_LAYERS)),
            _torchvision_file("squeezenet1_1", "SqueezeNet1_1_Weights", 4.8),
            "Iandola 2016",
        ),
        FeatureRow("inception", FidInception, lambda: INCEPTION_FILE, "Szegedy 2016, as FID uses it (2015-12-05)"),
        FeatureRow(
            "inception-torchvision",
            TorchvisionInception,
            lambda: TORCHVISION_INCEPTION_FILE,
            "Szegedy 2016, torchvision's first weights, which FID scripts of some papers take",
        ),
    )
}


_in_bf16: ContextVar[bool] = ContextVar("_in_bf16", default=False)


@contextmanager
def bf16_features(wanted: bool = True) -> Iterator[None]:
    """Inside, `load_features` gives FeatureMaps that compute in bf16 and channels_last; their maps stay float32."""
    token = _in_bf16.set(wanted)
    try:
        yield
    finally:
        _in_bf16.reset(token)


def load_features(name: str, device: torch.device | str | None = None) -> nn.Module:
    """The frozen network of this name on this device. The same object at every call; do not train it.

    Args:
        name: `vgg16`, `vgg16_bn`, `alexnet`, `squeezenet1_1` (FeatureMaps: RGB in [0, 1] -> dict of named maps),
            `inception` (FidInception: RGB in [0, 1] -> `(b, 2048)`) or `inception-torchvision` (TorchvisionInception).
        device: where; default the CPU.

    Raises:
        KeyError: for an unknown name; lists the known ones.
        WeightsMissing: the weights are unavailable; one line that says how to get them.
    """
    if name not in FEATURES:
        raise unknown_name("network", name, FEATURES)
    path = find_weights(FEATURES[name].file())
    return _loaded(name, path, str(torch.device(device or "cpu")), _in_bf16.get() and "inception" not in name)


@cache
@torch.inference_mode(False)  # what is loaded while scoring must serve a loss later
def _loaded(name: str, path: Path, device: str, in_bf16: bool) -> nn.Module:
    network = FEATURES[name].build()
    state = read_state(path)
    fill(network, state, path)
    if device == "cpu" and "inception" in name:  # .62 of the time; the other networks gain too little
        network.to(memory_format=torch.channels_last)
    for layer in network.modules() if in_bf16 else ():
        if isinstance(layer, nn.Conv2d):  # norms take bf16 as well, and keep their statistics
            layer.to(torch.bfloat16).to(memory_format=torch.channels_last)
    return network.to(device)


def fill(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Load the network's own keys from a state dict that may hold more (a classifier, batch counters)."""
    own = network.state_dict()
    absent = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    if absent:
        raise WeightsMissing(
            f"{path} holds other weights: {len(absent)} keys are absent, the first {absent[0]!r}; "
            "replace the file by the published one"
        )
    network.load_state_dict({key: state[key] for key in own if key in state}, strict=False)


@cache
@torch.inference_mode(False)
def load_classifier(name: str = "vgg16", device: torch.device | str | None = None) -> nn.Module:
    """torchvision's whole classifier of this name, frozen: ImageNet-normalized RGB -> 1000 logits.

    Raises:
        WeightsMissing: a file with the convolutions alone is not enough; the line says which file is.
    """
    from torchvision import models

    if name not in networks.CLASSIFIERS:
        raise unknown_name("classifier", name, networks.CLASSIFIERS)
    path = find_weights(FEATURES[name].file(), features_only=False)
    network = getattr(models, name)(weights=None)
    fill(network, read_state(path), path)
    return network.requires_grad_(False).eval().to(device or "cpu")
