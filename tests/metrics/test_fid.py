import numpy as np
import pytest
import torch

from colorbench.metrics import fid, kid
from colorbench.metrics.fid import Moments, fid_of, frechet_distance
from colorbench.metrics.kid import kid_of, squared_mmd


def features(n, width=48, shift=0.0, seed=0):
    draw = torch.Generator().manual_seed(seed)
    mix = torch.randn(width, width, generator=torch.Generator().manual_seed(9)) / width**0.5
    return torch.randn(n, width, generator=draw) @ mix + shift


def test_fid_agrees_with_torch_fidelity_on_the_same_features():
    metric = pytest.importorskip("torch_fidelity.metric_fid")
    first, second = features(200), features(150, shift=0.2, seed=1)
    stats = [metric.fid_features_to_statistics(x) for x in (first, second)]
    expected = metric.fid_statistics_to_metric(*stats, verbose=False)["frechet_inception_distance"]
    assert fid_of(first, second) == pytest.approx(expected, rel=1e-3)


def test_kid_agrees_with_torch_fidelity_on_the_same_features():
    metric = pytest.importorskip("torch_fidelity.metric_kid")
    first, second = features(120), features(110, shift=0.2, seed=1)
    settings = {"kid_subsets": 7, "kid_subset_size": 50, "verbose": False, "rng_seed": 2020}
    expected = metric.kid_features_to_metric(first, second, **settings)["kernel_inception_distance_mean"]
    assert kid_of(first, second, subsets=7, subset_size=50) == pytest.approx(expected, rel=1e-6)


def test_closed_form_on_gaussians():
    """Diagonal Gaussians: |mu1 - mu2|^2 + sum (s1 - s2)^2."""
    first, second = Moments(3), Moments(3)
    n = torch.tensor(1e6, dtype=torch.float64)
    for moments, mean, sigma in ((first, [0.0, 1, 2], [1.0, 2, 3]), (second, [1.0, 1, 0], [2.0, 2, 1])):
        mean, sigma = (torch.tensor(x, dtype=torch.float64) for x in (mean, sigma))
        moments.count, moments.total = n, n * mean
        moments.outer = (n - 1) * torch.diag(sigma**2) + n * torch.outer(mean, mean)
    assert frechet_distance(first, second) == pytest.approx(5 + 1 + 0 + 4, rel=1e-9)


def test_moments_stream():
    x = features(64)
    streamed = Moments(x.shape[1])
    for part in x.split(10):
        streamed.update(part)
    mean, covariance = streamed.mean_and_covariance()
    np.testing.assert_allclose(mean, x.double().mean(0), atol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(x.double().numpy(), rowvar=False), atol=1e-10)


def test_the_same_set_is_at_distance_zero():
    x = features(80)
    assert fid_of(x, x) == pytest.approx(0, abs=1e-6)
    assert abs(kid_of(x, features(80, seed=2))) < 0.05


def test_one_picture_is_too_few():
    with pytest.raises(ValueError, match="at least 2 pictures a set, got 1"):
        fid_of(features(1), features(5))
    with pytest.raises(ValueError, match="at least 2 pictures a set, got 5 and 1"):
        kid_of(features(5), features(1))


def test_squared_mmd_is_the_unbiased_double_sum():
    x, y = features(5, 4).double(), features(6, 4, seed=1).double()
    kernel = lambda a, b: (a @ b / 4 + 1) ** 3  # noqa: E731
    within = [np.mean([kernel(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j]) for s in (x, y)]
    across = np.mean([kernel(a, b) for a in x for b in y])
    assert squared_mmd(x, y).item() == pytest.approx(sum(within) - 2 * across)


def test_on_pictures(weights, pair):
    pred, target = pair
    assert kid(pred, target).item() > 0
    assert fid(pred, target).item() > fid(target, target).item()
