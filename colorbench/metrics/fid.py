"""Frechet Inception distance between two sets of pictures; 0 is the same distribution.

Heusel 2017: |mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2) over the 2048 pooled Inception features, sample covariance in
float64. Pictures are resized to 299 px by an antialiased bilinear filter. On the same pictures of 256 px this gives
13.303, pytorch-fid 13.307 and torch-fidelity (the resize of the old graph, which papers report) 13.408. Below 2048
pictures the covariance is singular and the value indicative only: prefer KID.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from colorbench.features import load_features
from colorbench.tensors import Rgb, Rgb8, Scalar, TooFewPictures, checked_rgb

INDICATIVE_BELOW = 2048
CHUNK = 32


def fid(pred: Rgb | Rgb8, target: Rgb | Rgb8) -> Scalar:
    """FID between two sets of pictures; the sets may differ in length and size.

    Raises:
        WeightsMissing: the Inception weights are unavailable.
        TooFewPictures: a set of fewer than 2.
    """
    return torch.tensor(fid_of(inception_features(pred), inception_features(target)))


def fid_of(pred: Float[Tensor, "m d"], target: Float[Tensor, "n d"]) -> float:
    """FID from the features of both sets; NaN where one of them is not finite."""
    check_counts(pred, target)
    pred, target = pred.detach().cpu().double(), target.detach().cpu().double()
    if not (pred.isfinite().all() and target.isfinite().all()):
        return float("nan")
    if max(len(pred), len(target)) <= pred.shape[1]:
        return fid_of_grams(*grams(pred, target))
    return _frechet_distance(pred.mean(dim=0), pred.T.cov(), target.mean(dim=0), target.T.cov())


def fid_of_grams(xx: Float[Tensor, "m m"], yy: Float[Tensor, "n n"], xy: Float[Tensor, "m n"]) -> float:
    """FID from the inner products of the features of sets X and Y, float64: no covariance is formed.

    tr (S1 S2)^1/2 is the sum of the singular values of centered X Y^T over sqrt((m - 1)(n - 1)). The quicker and more exact
    way with fewer pictures than features, and the only quick one for many draws of the same pictures.
    """
    means = xx.mean() + yy.mean() - 2 * xy.mean()
    spread = sum((gram.trace() - len(gram) * gram.mean()) / (len(gram) - 1) for gram in (xx, yy))
    centered = xy - xy.mean(0, keepdim=True) - xy.mean(1, keepdim=True) + xy.mean()
    cross = torch.linalg.svdvals(centered).sum() / ((len(xx) - 1) * (len(yy) - 1)) ** 0.5
    return max((means + spread - 2 * cross).item(), 0.0)


def grams(pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Inner products of the features of both sets, float64: pred with pred, target with target, pred with target."""
    pred, target = pred.double(), target.double()
    return pred @ pred.T, target @ target.T, pred @ target.T


def check_counts(pred: Tensor, target: Tensor) -> None:
    """Raises TooFewPictures unless both sets have 2 pictures."""
    if min(len(pred), len(target)) < 2:
        raise TooFewPictures(f"at least 2 pictures per set are needed, got {len(pred)} and {len(target)}: score more")


def _frechet_distance(mean1: Tensor, covariance1: Tensor, mean2: Tensor, covariance2: Tensor) -> float:
    values, vectors = torch.linalg.eigh(covariance1)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ covariance2 @ root).clamp_min(0).sqrt().sum()
    distance = (mean1 - mean2).square().sum() + covariance1.trace() + covariance2.trace() - 2 * cross
    return max(distance.item(), 0.0)


@torch.inference_mode()
def inception_features(rgb: Rgb | Rgb8) -> Float[Tensor, "b d"]:
    """The pooled features `(b, 2048)` of pictures, a few at a time."""
    rgb = checked_rgb(rgb)
    network = load_features("inception", rgb.device)
    return torch.cat([network(chunk) for chunk in rgb.float().split(CHUNK)])
