import numpy as np
import pytest
import torch

from colorbench.metrics import fid, kid
from colorbench.metrics.fid import TooFewPictures, fid_of, fid_of_grams, grams
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
    first, second = features(m, width=12), features(n, width=12, shift=0.3, seed=1)
    assert fid_of(first, second) == pytest.approx(fid_of_grams(*grams(first, second)), rel=1e-6)


def test_the_same_set_is_at_distance_zero():
    x = features(80)
    assert fid_of(x, x) == pytest.approx(0, abs=1e-6)
    assert abs(kid_of(x, features(80, seed=2))) < 0.05


def test_one_picture_is_too_few():
    with pytest.raises(TooFewPictures, match="at least 2 pictures per set are needed, got 1 and 5"):
        fid_of(features(1), features(5))
    with pytest.raises(TooFewPictures, match="got 5 and 1"):
        kid_of(features(5), features(1))


def test_squared_mmd_is_the_unbiased_double_sum():
    x, y = features(5, 4).double(), features(6, 4, seed=1).double()
    kernel = lambda a, b: (a @ b / 4 + 1) ** 3  # noqa: E731
    within = [np.mean([kernel(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j]) for s in (x, y)]
    across = np.mean([kernel(a, b) for a in x for b in y])
    assert squared_mmd(x, y) == pytest.approx(sum(within) - 2 * across)


def test_paired_sets_leave_out_each_picture_with_itself():
    x, y = features(6, 4).double(), features(6, 4, seed=1).double()
    kernel = lambda a, b: (a @ b / 4 + 1) ** 3  # noqa: E731
    pairs = [(i, j) for i in range(6) for j in range(6) if i != j]
    terms = [kernel(x[i], x[j]) + kernel(y[i], y[j]) - kernel(x[i], y[j]) - kernel(x[j], y[i]) for i, j in pairs]
    assert kid_of(x, y) == pytest.approx(np.mean(terms))


@pytest.mark.parametrize("n", [100, 200, 1100])
def test_identical_sets_have_kid_zero_at_any_size(n):
    """With the pairs i = j the estimate was -.008 at 100 pictures; above 1000 both sides draw the same pictures."""
    x = features(n)
    assert kid_of(x, x, subsets=3) == pytest.approx(0, abs=1e-9)


def test_paired_sets_are_not_biased_by_their_size():
    """Every photo a little changed: the mean over many small sets is the value of a large one."""
    x = features(1000)
    y = 0.8 * x + 0.1
    few = [kid_of(a, b) for a, b in zip(x.split(20), y.split(20))]
    error = np.std(few, ddof=1) / len(few) ** 0.5
    assert np.mean(few) == pytest.approx(kid_of(x, y), abs=3 * error)
    with_themselves = [squared_mmd(a, b, paired=False) for a, b in zip(x.split(20), y.split(20))]
    assert np.mean(with_themselves) < kid_of(x, y) - 3 * error


def test_on_pictures(weights, pair):
    pred, target = pair
    assert kid(pred, target).item() > 0
    assert fid(pred, target).item() > fid(target, target).item()
