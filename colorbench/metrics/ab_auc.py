"""Raw accuracy on ab: the area under the curve "share of pixels within a distance of the true ab", 0..150.

Zhang, Isola, Efros 2016, section 3.1. 1 is exact, 0 is nowhere within 150 Lab units. The curve is sampled at the
thresholds 0, 1 .. 150 and integrated by trapezoids; a pixel at distance d adds 150 - ceil(d) + 1/2 to that integral
(150 when d is 0), so one pass gives the same number as the 151-threshold sweep. Without sampling it would be
1 - E[min(d, 150)] / 150. `ab_auc_rebalanced` weights each pixel by 1 / p(its true color bin), so that rare colors
count.
"""

import torch
from torch import Tensor

from colorbench.color import AbPrior, ab_bins, nearest_bin, rgb_to_lab
from colorbench.color.fused import fused
from colorbench.tensors import PerImage, Rgb, Rgb8, checked_pair, checked_shares

LARGEST = 150
RAREST = 1e-8


def ab_auc(pred: Rgb | Rgb8, target: Rgb | Rgb8) -> PerImage:
    """Area under the accuracy curve, [0, 1].

    >>> import torch
    >>> red, green = torch.eye(3)[:2].reshape(2, 1, 3, 1, 1)
    >>> round(ab_auc(red, green).item(), 4), ab_auc(red, red).item()
    (0.0, 1.0)
    """
    pred, target = checked_pair(pred, target)
    return ab_auc_lab(rgb_to_lab(pred), rgb_to_lab(target))


def ab_auc_rebalanced(pred: Rgb | Rgb8, target: Rgb | Rgb8, prior: Tensor | None = None) -> PerImage:
    """The same with each pixel weighted by 1 / p(bin of its true color).

    Args:
        pred: RGB in [0, 1].
        target: RGB in [0, 1].
        prior: p over the 313 bins, as `AbPrior.prior()` gives it; default: that of these targets. `score()` takes the
            prior of its whole reference set, so that a picture's value does not depend on its batch.
    """
    pred, target = checked_pair(pred, target)
    pred, target = rgb_to_lab(pred), rgb_to_lab(target)
    prior = prior_of(target) if prior is None else checked_shares(prior, "prior", len(ab_bins()))
    return ab_auc_rebalanced_lab(pred, target, rebalancing(prior))


def ab_auc_lab(pred: Tensor, target: Tensor) -> PerImage:
    """`ab_auc` from Lab."""
    return _areas(pred, target).mean(dim=(1, 2))


def ab_auc_rebalanced_lab(pred: Tensor, target: Tensor, weights: Tensor) -> PerImage:
    """`ab_auc_rebalanced` from Lab and the weight of each bin."""
    return ab_auc_weighted_lab(pred, target, pixel_weights(target, weights))


def ab_auc_weighted_lab(pred: Tensor, target: Tensor, weight: Tensor) -> PerImage:
    """`ab_auc` from Lab with a weight per pixel, `(b, h, w)`."""
    return (weight * _areas(pred, target)).sum(dim=(1, 2)) / weight.sum(dim=(1, 2))


def areas_by_bin(pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """What `rebalanced_of_bins` needs of pictures in Lab: of each color bin the sum of its pixels' areas, and their number;
    `(b, 313)` float64 each."""
    bins, areas = nearest_bin(target[:, 1:]).flatten(1), _areas(pred, target).flatten(1).double()
    sums = areas.new_zeros(len(areas), len(ab_bins()))
    return sums.scatter_add(1, bins, areas), sums.scatter_add(1, bins, torch.ones_like(areas))


def rebalanced_of_bins(areas: Tensor, counts: Tensor) -> PerImage:
    """`ab_auc_rebalanced` of pictures by the prior of them all, from `areas_by_bin`."""
    prior = AbPrior()
    prior.counts += counts.sum(dim=0).long().to(prior.counts.device)
    weights = rebalancing(prior.prior()).to(areas)
    return (areas @ weights) / (counts @ weights)


def pixel_weights(lab: Tensor, weights: Tensor) -> Tensor:
    """The weight of each pixel's bin, `(b, h, w)`."""
    return weights.to(lab)[nearest_bin(lab[:, 1:])]


def prior_of(lab: Tensor) -> Tensor:
    """The smoothed prior of these pictures over the 313 bins."""
    prior = AbPrior()
    prior.update(lab[:, 1:])
    return prior.prior()


def rebalancing(prior: Tensor) -> Tensor:
    """The weight 1 / p of each bin; what is rarer than one pixel in 10^8 counts as that rare."""
    return 1 / prior.clamp_min(RAREST)


@fused
def _areas(pred: Tensor, target: Tensor) -> Tensor:
    """Each pixel's share of the integral, `(b, h, w)`."""
    squared = (pred[:, 1:] - target[:, 1:]).square().sum(dim=1)
    exact = squared == 0  # a root has an infinite gradient there
    distance = squared.where(~exact, 1.0).sqrt().where(~exact, 0.0)
    missed = distance.ceil() - 0.5 * (distance > 0)
    return 1 - torch.where(distance > LARGEST, LARGEST, missed) / LARGEST  # NaN stays NaN
