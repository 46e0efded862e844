"""Frechet Inception distance between two sets of pictures; 0 is the same distribution.

Heusel 2017: |mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2) over the 2048 pooled Inception features, sample covariance in
float64. Pictures are resized to 299 px by an antialiased bilinear filter, so values are comparable among
colorbench's own rows, not with papers. Below 2048 pictures the covariance is singular and the value indicative only:
prefer KID.
"""

import torch
from torch import Tensor

from colorbench.features import load_features
from colorbench.metrics.shapes import one
from colorbench.tensors import Rgb, Scalar

INDICATIVE_BELOW = 2048
CHUNK = 32


class Moments:
    """Mean and covariance of features seen so far, float64: what a set is reduced to, whatever its length."""

    def __init__(self, width: int):
        self.count = torch.zeros((), dtype=torch.float64)
        self.total = torch.zeros(width, dtype=torch.float64)
        self.outer = torch.zeros(width, width, dtype=torch.float64)

    @classmethod
    def of(cls, features: Tensor) -> "Moments":
        """The moments of `(n, d)` features."""
        moments = cls(features.shape[1])
        moments.update(features)
        return moments

    def update(self, features: Tensor) -> None:
        """Add `(n, d)` features."""
        features = features.detach().to("cpu", torch.float64)
        self.count += len(features)
        self.total += features.sum(dim=0)
        self.outer += features.T @ features

    def mean_and_covariance(self) -> tuple[Tensor, Tensor]:
        """`(d,)` and `(d, d)`; the covariance divides by n - 1."""
        if self.count < 2:
            raise ValueError(
                f"a covariance needs at least 2 pictures a set, got {int(self.count)}: score more pictures"
            )
        mean = self.total / self.count
        return mean, (self.outer - self.count * torch.outer(mean, mean)) / (self.count - 1)


def fid(pred: Rgb, target: Rgb) -> Scalar:
    """FID between two sets of pictures; the sets may differ in length and size.

    Raises:
        WeightsMissing: without the Inception weights.
    """
    return torch.tensor(fid_of(inception_features(pred), inception_features(target)))


def fid_of(pred: Tensor, target: Tensor) -> float:
    """FID from the features `(n, d)` of both sets."""
    return frechet_distance(Moments.of(pred), Moments.of(target))


def frechet_distance(pred: Moments, target: Moments) -> float:
    """The Frechet distance between two Gaussians of these moments."""
    (mean1, cov1), (mean2, cov2) = pred.mean_and_covariance(), target.mean_and_covariance()
    values, vectors = torch.linalg.eigh(cov1)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov2 @ root).clamp_min(0).sqrt().sum()
    distance = (mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * cross
    return max(distance.item(), 0.0)


@torch.inference_mode()
def inception_features(rgb: Rgb) -> Tensor:
    """The pooled features `(n, 2048)` of pictures, a few at a time."""
    network = load_features("inception", rgb.device)
    return torch.cat([network(chunk) for chunk in one(rgb, "rgb").float().split(CHUNK)])
