"""Perceptual losses: distances between the features of a frozen VGG16 (RGB in [0, 1], ImageNet mean and std inside).

Presets:
    mse       mean squared difference at relu3_3, as the residual U-Net system compares features (its layer is not
              published: this one is declared).
    johnson   Johnson 2016: mean squared difference at relu1_2, relu2_2, relu3_3, relu4_3, weight 1 each.
    ddcolor   DDColor 2023: L1 at conv1_1 ... conv5_1 (before norm and ReLU) of vgg16-bn, weights 1/16 ... 1.
    deoldify  DeOldify: L1 at the ReLUs before pools 3, 4, 5 of vgg16-bn, weights 20, 70, 10, plus the L1 of the pixels,
              normalized like VGG's input. The value of their code.

Every setting can be given by itself and then overrides the preset's. Range: >= 0, 0 for equal pictures.
"""

import re
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from colorbench.losses.inputs import takes_pictures
from colorbench.tensors import PerImage, Rgb, check_size


@dataclass(frozen=True)
class Recipe:
    """Which layers are compared, with which weights and distance.

    `pixel` is the weight of the pixels' own L1; `normalized`: of pictures normalized as VGG sees them, not in [0, 1].
    """

    layers: tuple[str, ...]
    weights: tuple[float, ...]
    distance: str = "mse"
    backbone: str = "vgg16"
    pixel: float = 0.0
    normalized: bool = False


PRESETS = {
    "mse": Recipe(("relu3_3",), (1.0,)),
    "johnson": Recipe(("relu1_2", "relu2_2", "relu3_3", "relu4_3"), (1.0,) * 4),
    "ddcolor": Recipe(
        tuple(f"conv{block}_1" for block in range(1, 6)), (0.0625, 0.125, 0.25, 0.5, 1.0), "l1", "vgg16-bn"
    ),
    "deoldify": Recipe(
        ("relu3_3", "relu4_3", "relu5_3"), (20.0, 70.0, 10.0), "l1", "vgg16-bn", pixel=1.0, normalized=True
    ),
}
DISTANCES = {"mse": torch.square, "l1": torch.abs}
BACKBONES = {"vgg16": "vgg16", "vgg16-bn": "vgg16_bn"}


@takes_pictures(channels=3)
def perceptual(
    pred: Rgb,
    target: Rgb,
    *,
    preset: str = "mse",
    layers: tuple[str, ...] | None = None,
    weights: tuple[float, ...] | None = None,
    distance: str | None = None,
    backbone: str | None = None,
    pixel: float | None = None,
) -> PerImage:
    """Weighted sum over layers of the mean distance between feature maps.

    Args:
        preset: `mse`, `johnson`, `ddcolor` or `deoldify`.
        layers: names as in the paper, conv1_1, relu1_1 ... pool5.
        weights: one per layer; default the preset's, or 1 each when `layers` are given.
        distance: `mse` or `l1`.
        backbone: `vgg16` or `vgg16-bn`.
        pixel: weight of the L1 between the pictures themselves, in [0, 1] or as the preset normalizes them.

    Raises:
        PictureTooSmall: pictures that a layer's pools leave nothing of.
        WeightsMissing: if the backbone's weights are unavailable; the message says how to get them.
    """
    recipe = recipe_of(preset, layers, weights, distance, backbone, pixel)
    from colorbench.features import load_features
    from colorbench.features.networks import imagenet_normalized

    check_size(pred, least_px(recipe.layers), f"perceptual with {recipe.layers[-1]}")
    network = load_features(BACKBONES[recipe.backbone], device=pred.device)
    with torch.no_grad():
        wanted = network(target, recipe.layers)
    found = network(pred, recipe.layers)
    shown = (imagenet_normalized(pred), imagenet_normalized(target)) if recipe.normalized else (pred, target)
    loss = recipe.pixel * (shown[0] - shown[1]).abs().mean(dim=(1, 2, 3))
    for layer, weight in zip(recipe.layers, recipe.weights):
        loss = loss + weight * _distance(found[layer], wanted[layer], recipe.distance)
    return loss


def recipe_of(
    preset: str = "mse",
    layers: tuple[str, ...] | None = None,
    weights: tuple[float, ...] | None = None,
    distance: str | None = None,
    backbone: str | None = None,
    pixel: float | None = None,
) -> Recipe:
    """The preset, overridden by what is given; refuses what does not fit together."""
    recipe = PRESETS[_known(preset, PRESETS, "preset")]
    if layers is not None and weights is None:
        weights = (1.0,) * len(layers)
    given = {"layers": layers, "weights": weights, "distance": distance, "backbone": backbone, "pixel": pixel}
    recipe = replace(recipe, **{name: value for name, value in given.items() if value is not None})
    _known(recipe.distance, DISTANCES, "distance")
    _known(recipe.backbone, BACKBONES, "backbone")
    if len(recipe.layers) != len(recipe.weights) or not recipe.layers:
        raise ValueError(
            f"perceptual needs one weight per layer, got {len(recipe.layers)} layers and {len(recipe.weights)} weights"
        )
    return recipe


def least_px(layers: tuple[str, ...]) -> int:
    """The shortest side that VGG16 brings to these layers: a pool before each block halves it.

    >>> least_px(("relu1_2", "relu3_3"))
    4
    """
    from colorbench.features.networks import VGG16_LAYERS

    blocks = [
        int(re.sub("[a-z]+", "", layer)[0]) for layer in layers if layer in VGG16_LAYERS
    ]  # others are refused later
    return 2 ** (max(blocks, default=1) - 1)


def _distance(found: Tensor, wanted: Tensor, name: str) -> PerImage:
    return DISTANCES[name](found - wanted).mean(dim=(1, 2, 3))


def _known(name: str, table: dict, what: str) -> str:
    if name not in table:
        raise ValueError(f"unknown {what} {name!r} of perceptual; known: {', '.join(table)}")
    return name
