import pytest
import torch

from colorbench.metrics import fid
from colorbench.metrics.fid import fid_of, fid_of_grams, grams
from colorbench.tensors import TooFewPictures
from tests.metrics.conftest import random_features


def test_fid_agrees_with_torch_fidelity_on_the_same_features():
    metric = pytest.importorskip("torch_fidelity.metric_fid")
    first, second = random_features(200), random_features(150, shift=0.2, seed=1)
    stats = [metric.fid_features_to_statistics(x) for x in (first, second)]
    expected = metric.fid_statistics_to_metric(*stats, verbose=False)["frechet_inception_distance"]
    assert fid_of(first, second) == pytest.approx(expected, rel=1e-3)


def test_closed_form_on_gaussians():
    """Diagonal Gaussians: |mu1 - mu2|^2 + sum (s1 - s2)^2, also from features with exactly these moments."""
    draw = torch.Generator().manual_seed(0)
    sets = []
    for mean, sigma in (([0.0, 1, 2], [1.0, 2, 3]), ([1.0, 1, 0], [2.0, 2, 1])):
        x = torch.randn(50, 3, generator=draw, dtype=torch.float64)
        x = (x - x.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov())).T  # covariance 1
        sets.append(x * torch.tensor(sigma, dtype=torch.float64) + torch.tensor(mean, dtype=torch.float64))
    assert fid_of(*sets) == pytest.approx(5 + 1 + 0 + 4, rel=1e-9)
    assert fid_of_grams(*grams(*sets)) == pytest.approx(5 + 1 + 0 + 4, rel=1e-9)


@pytest.mark.parametrize(("m", "n"), [(60, 60), (40, 70)])
def test_both_ways_to_fid_agree(m, n):
    """From covariances, and from inner products: more pictures than features, and sets of two lengths."""
    first, second = random_features(m, width=12), random_features(n, width=12, shift=0.3, seed=1)
    assert fid_of(first, second) == pytest.approx(fid_of_grams(*grams(first, second)), rel=1e-6)


def test_the_same_set_is_at_distance_zero():
    x = random_features(80)
    assert fid_of(x, x) == pytest.approx(0, abs=1e-6)


def test_one_picture_is_too_few():
    with pytest.raises(TooFewPictures, match="at least 2 pictures per set are needed, got 1 and 5"):
        fid_of(random_features(1), random_features(5))


def test_on_pictures(weights, pair):
    pred, target = pair
    assert fid(pred, target).item() > fid(target, target).item()
