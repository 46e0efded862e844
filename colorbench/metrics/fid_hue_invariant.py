"""FID of the hues alone: the predictions' chroma is scaled until each is as colorful as its photo, then FID.

FID falls when a picture is merely more colorful, so a colorizer can lower it by saturation. Here each prediction's a* and b*
are multiplied by one factor, which leaves hue and lightness as they are, until its colorfulness (M3) is that of its photo;
what remains is where the colors are and which. It compares colorizers apart from how boldly they color; read it beside
`fid` and `colorfulness-error`, never instead of them: the factor comes from the photo, so this is no score of finished
pictures. One factor per picture, not one for the set: it can be found while pictures stream by, and a set of half gray,
half garish pictures does not pass.

The factor lies in 0..4: beyond, rounding noise in nearly gray pictures would become color. Gray stays gray.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from colorbench.color import lab_to_rgb, rgb_to_lab
from colorbench.features import load_features
from colorbench.metrics.colorfulness import colorfulness
from colorbench.metrics.fid import CHUNK, fid_of, inception_features
from colorbench.tensors import Lab, PerImage, Rgb, Rgb8, Scalar, checked_pair

LARGEST_FACTOR = 4.0
HALVINGS = 14
"""Of the factor's range: it is exact to 2.4e-4."""


def fid_hue_invariant(pred: Rgb | Rgb8, target: Rgb | Rgb8) -> Scalar:
    """FID after each prediction has its photo's colorfulness; picture i of one set belongs to picture i of the other.

    Cost: that of `fid`, and 14 conversions from Lab to RGB per prediction.

    Raises:
        WeightsMissing: the Inception weights are unavailable.
        TooFewPictures: a set of fewer than 2.
    """
    pred, target = checked_pair(pred, target)
    scaled = [
        matched_features(rgb_to_lab(some), colorfulness(true))
        for some, true in zip(pred.split(CHUNK), target.split(CHUNK))
    ]
    return torch.tensor(fid_of(torch.cat(scaled), inception_features(target)))


@torch.inference_mode()
def matched_features(lab: Lab, wanted: PerImage) -> Float[Tensor, "b d"]:
    """Inception's features of pictures whose chroma is scaled to this colorfulness."""
    return load_features("inception", lab.device)(with_colorfulness(lab, wanted).float())


def with_colorfulness(lab: Lab, wanted: PerImage) -> Rgb:
    """The pictures in RGB, their chroma scaled by a factor in 0..4 so that their colorfulness comes nearest to `wanted`."""
    low = torch.zeros_like(wanted)
    high = torch.full_like(wanted, LARGEST_FACTOR)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        short = colorfulness(_scaled(lab, middle)) < wanted
        low, high = torch.where(short, middle, low), torch.where(short, high, middle)
    return _scaled(lab, (low + high) / 2)


def _scaled(lab: Tensor, factor: Tensor) -> Tensor:
    return lab_to_rgb(torch.cat([lab[:, :1], lab[:, 1:] * factor.view(-1, 1, 1, 1)], dim=1))
