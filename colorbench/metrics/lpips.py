"""Learned perceptual distance LPIPS v0.1, per image. 0 is identical; around 0.7 is nothing in common.

Zhang 2018. The backbone is part of the name and values of different backbones are never mixed. The linear heads are
those of the `lpips` package, read from its files; the backbones come from `colorbench.features`. Input is RGB in [0,
1]: the package's own [-1, 1], which it does not check, is applied inside.
"""

from collections.abc import Mapping, Sequence
from functools import cache, reduce
from importlib.util import find_spec
from operator import add
from pathlib import Path

import torch
from torch import Tensor

from colorbench.features import WeightsMissing, load_features
from colorbench.tensors import PerImage, Rgb, Rgb8, check_size, checked_pair

BACKBONES = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}
LEAST_PX = {"alex": 31, "vgg": 16, "squeeze": 17}
VALUES_PER_PIXEL = {"alex": 4, "vgg": 64, "squeeze": 16}
"""Of the largest map, for each pixel of the picture."""
LARGEST_MAP = 1 << 22
"""Values of a map at a time on a CPU (16 MB of float32): larger ones leave the caches, and the allocator's reach."""
ZERO_FEATURE = 1e-5
"""Length below which a feature vector counts as zero; its direction, and the gradient of that, is 0."""


def lpips(pred: Rgb | Rgb8, target: Rgb | Rgb8, net: str = "alex") -> PerImage:
    """LPIPS v0.1 with this backbone.

    Args:
        pred: RGB in [0, 1].
        target: RGB in [0, 1].
        net: `alex`, `vgg` or `squeeze`.

    Raises:
        WeightsMissing: the weights of the backbone are unavailable.
    """
    check_net(net)
    pred, target = checked_pair(pred, target)
    return lpips_to(pred, lpips_features(target, net), net)


def check_net(net: str) -> None:
    """Refuse an unknown backbone."""
    if net not in BACKBONES:
        raise KeyError(f"unknown LPIPS backbone {net!r}; known: {', '.join(BACKBONES)}")


def lpips_features(rgb: Tensor, net: str) -> dict[str, Tensor]:
    """The backbone's maps, each pixel's feature vector scaled to length 1. What a reference keeps."""
    check_size(rgb, LEAST_PX[net], f"lpips-{net}")
    parts = [_features(some, net) for some in _portions(rgb, net)]
    return parts[0] if len(parts) == 1 else {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def lpips_to(pred: Tensor, target: Mapping[str, Tensor], net: str) -> PerImage:
    """LPIPS of pictures and the features of their truth; the features of all pictures are never there at once."""
    check_size(pred, LEAST_PX[net], f"lpips-{net}")
    values, start = [], 0
    for some in _portions(pred, net):
        part = {name: features[start : start + len(some)] for name, features in target.items()}
        values.append(lpips_of(_features(some, net), part, net))
        start += len(some)
    return torch.cat(values)


def _portions(rgb: Tensor, net: str) -> Sequence[Tensor]:
    """As many pictures at a time as keep the largest map in the caches; on other devices, and for gradients, all."""
    if rgb.device.type != "cpu" or torch.is_grad_enabled():
        return (rgb,)
    values = VALUES_PER_PIXEL[net] * rgb.shape[2] * rgb.shape[3]
    return [some.contiguous(memory_format=torch.channels_last) for some in rgb.split(max(1, LARGEST_MAP // values))]


def _features(rgb: Tensor, net: str) -> dict[str, Tensor]:
    maps = load_features(BACKBONES[net], rgb.device)(rgb.float())
    return {name: _directions(x) for name, x in maps.items()}


def lpips_of(pred: Mapping[str, Tensor], target: Mapping[str, Tensor], net: str) -> PerImage:
    """LPIPS from the features of both."""
    device = next(iter(pred.values())).device
    with torch.autocast(device.type, enabled=False):
        return reduce(
            add, (_weighted(pred[name] - target[name], head) for head, name in zip(_heads_on(net, device), pred))
        )


def _weighted(difference: Tensor, head: Tensor) -> Tensor:
    """Mean over pixels of the squared difference weighted by channel: one matrix product, no weighted copy."""
    squared = difference.square()
    if squared.stride(1) == 1 and squared.shape[2:].numel() > 1:  # channels last
        return (squared.movedim(1, -1) @ head.to(squared).flatten()).mean(dim=(1, 2))
    squared = squared.flatten(2)
    return (head.to(squared).view(1, 1, -1) @ squared).mean(dim=(1, 2))


def _directions(x: Tensor) -> Tensor:
    length = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    some = length > ZERO_FEATURE
    return x * torch.where(some, 1 / torch.where(some, length, 1.0), 0.0)


@cache
@torch.inference_mode(False)
def _heads_on(net: str, device: torch.device) -> tuple[Tensor, ...]:
    """Copied to a device once: a copy from the host waits for it."""
    return tuple(head.to(device) for head in _heads(net))


@cache
@torch.inference_mode(False)
def _heads(net: str) -> tuple[Tensor, ...]:
    """The linear layers `(1, c, 1, 1)` of the package, without importing it (that would pull in its own backbones)."""
    package = find_spec("lpips")
    if package is None or not package.submodule_search_locations:
        raise WeightsMissing("the LPIPS heads are in the package `lpips`, which is not installed: pip install lpips")
    path = Path(package.submodule_search_locations[0]) / "weights" / "v0.1" / f"{net}.pth"
    state = torch.load(path, map_location="cpu", weights_only=True)
    return tuple(state[f"lin{layer}.model.1.weight"] for layer in range(len(state)))
