"""How colorful a picture is, and how far that is from the truth. Unit: that of 8-bit channels, 0 (gray) to 298; most
photos are below 100.

Hasler & Suesstrunk 2003, M3: rg = R - G, yb = (R + G) / 2 - B on 0..255; sqrt(var rg + var yb) + 0.3 sqrt(mean rg^2 +
mean yb^2), signed differences, population variance. `colorfulness_abs` takes abs(R - G) and abs(yb), as CT2 and DDColor
report it; on the same photos it reads about a tenth lower, so the two are never mixed. `delta_cf` is their difference of
the means of two sets, of that variant.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from colorbench.color.fused import fused
from colorbench.tensors import PerImage, Rgb, Rgb8, Scalar, TooFewPictures, checked_pair, checked_rgb

MEAN_WEIGHT = 0.3


def colorfulness(rgb: Rgb | Rgb8) -> PerImage:
    """M3 of each picture.

    >>> import torch
    >>> red_and_green = torch.eye(3)[:2].T.reshape(1, 3, 1, 2)
    >>> round(colorfulness(red_and_green).item(), 3)
    293.25
    """
    return _colorfulness(checked_rgb(rgb))


def colorfulness_abs(rgb: Rgb | Rgb8) -> PerImage:
    """The variant on absolute differences."""
    return _colorfulness_abs(checked_rgb(rgb))


def colorfulness_bias(pred: Rgb | Rgb8, target: Rgb | Rgb8) -> PerImage:
    """Colorfulness of the prediction minus that of the truth. Its mean over a set is the dataset-level difference."""
    pred, target = checked_pair(pred, target)
    return colorfulness(pred) - colorfulness(target)


def colorfulness_error(pred: Rgb | Rgb8, target: Rgb | Rgb8) -> PerImage:
    """abs(colorfulness_bias): another photo's colors score 15.9 here, 2.4 by the difference of the set means."""
    return colorfulness_bias(pred, target).abs()


def delta_cf(pred: Rgb | Rgb8, target: Rgb | Rgb8) -> Scalar:
    """Delta CF of the tables of CT2 and DDColor: abs(mean `colorfulness_abs` of the predictions - that of the photos).

    One number per set, and a blind one: errors of opposite sign cancel, and another photo's colors score 2.4. Prefer
    `colorfulness_error`, whose mean over pictures sees both. Cost: that of two `colorfulness_abs`.

    >>> import torch
    >>> red_and_green = torch.eye(3)[:2].T.reshape(1, 3, 1, 2)
    >>> round(delta_cf(torch.zeros(1, 3, 1, 2), red_and_green).item(), 3)
    85.53
    """
    return torch.tensor(delta_cf_of(colorfulness_abs(pred), colorfulness_abs(target)))


def delta_cf_of(pred: Float[Tensor, "m ..."], target: Float[Tensor, "n ..."]) -> float:
    """`delta_cf` from the colorfulness of the pictures of both sets."""
    if not (len(pred) and len(target)):
        raise TooFewPictures(f"delta-cf compares the means of two sets, got {len(pred)} and {len(target)} pictures")
    return (pred.double().mean() - target.double().mean()).abs().item()


@fused
def _colorfulness(rgb: Tensor) -> Tensor:
    return _spread(*_opponents(rgb))


@fused
def _colorfulness_abs(rgb: Tensor) -> Tensor:
    rg, yb = _opponents(rgb)
    return _spread(rg.abs(), yb.abs())


def _opponents(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """R - G and twice R / 2 + G / 2 - B."""
    red, green, blue = rgb.unbind(dim=1)
    return red - green, torch.sub(red + green, blue, alpha=2)


def _spread(rg: Tensor, twice_yb: Tensor) -> Tensor:
    (rg_mean, rg_variance), (yb_mean, yb_variance) = map(_moments, (rg, twice_yb))
    spread = root(rg_variance + yb_variance / 4) + MEAN_WEIGHT * root(rg_mean.square() + yb_mean.square() / 4)
    return 255 * spread


def _moments(plane: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and population variance of each picture, read once: E (x - s)^2 - (E x - s)^2 for a guess s near the mean.

    The mean of one row of h has (s - mean)^2 <= h var, so that what cancels costs at most h roundings of the variance. It is
    the first row, because a compiled kernel would keep another's number for pictures of all sizes. The plane is overwritten.
    """
    guess = plane[:, 0].mean(dim=1).detach()
    off = plane.sub_(guess[:, None, None]).flatten(1)
    mean = off.mean(dim=1)
    squares = off.square() if off.requires_grad else off.square_()
    return mean + guess, squares.mean(dim=1) - mean.square()


def root(x: Tensor) -> Tensor:
    """sqrt with gradient 0 at 0: a gray picture has no direction in which to gain color. NaN stays NaN."""
    positive = ~(x <= 0)
    return positive * x.where(positive, x.new_ones(())).sqrt()
