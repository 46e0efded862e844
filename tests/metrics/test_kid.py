import numpy as np
import pytest

from colorbench.metrics import kid
from colorbench.metrics.kid import kid_of, squared_mmd
from colorbench.tensors import TooFewPictures
from tests.metrics.conftest import random_features


def test_kid_agrees_with_torch_fidelity_on_the_same_features():
    metric = pytest.importorskip("torch_fidelity.metric_kid")
    first, second = random_features(120), random_features(110, shift=0.2, seed=1)
    settings = {"kid_subsets": 7, "kid_subset_size": 50, "verbose": False, "rng_seed": 2020}
    expected = metric.kid_features_to_metric(first, second, **settings)["kernel_inception_distance_mean"]
    assert kid_of(first, second, subsets=7, subset_size=50) == pytest.approx(expected, rel=1e-6)


def test_squared_mmd_is_the_unbiased_double_sum():
    x, y = random_features(5, 4).double(), random_features(6, 4, seed=1).double()
    kernel = lambda a, b: (a @ b / 4 + 1) ** 3  # noqa: E731
    within = [np.mean([kernel(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j]) for s in (x, y)]
    across = np.mean([kernel(a, b) for a in x for b in y])
    assert squared_mmd(x, y) == pytest.approx(sum(within) - 2 * across)


def test_paired_sets_leave_out_each_picture_with_itself():
    x, y = random_features(6, 4).double(), random_features(6, 4, seed=1).double()
    kernel = lambda a, b: (a @ b / 4 + 1) ** 3  # noqa: E731
    pairs = [(i, j) for i in range(6) for j in range(6) if i != j]
    terms = [kernel(x[i], x[j]) + kernel(y[i], y[j]) - kernel(x[i], y[j]) - kernel(x[j], y[i]) for i, j in pairs]
    assert kid_of(x, y) == pytest.approx(np.mean(terms))


@pytest.mark.parametrize("n", [100, 200, 1100])
def test_identical_sets_have_kid_zero_at_any_size(n):
    """With the pairs i = j the estimate was -.008 at 100 pictures; above 1000 both sides draw the same pictures."""
    x = random_features(n)
    assert kid_of(x, x, subsets=3) == pytest.approx(0, abs=1e-9)


def test_paired_sets_are_not_biased_by_their_size():
    """Every photo a little changed: the mean over many small sets is the value of a large one."""
    x = random_features(1000)
    y = 0.8 * x + 0.1
    few = [kid_of(a, b) for a, b in zip(x.split(20), y.split(20))]
    error = np.std(few, ddof=1) / len(few) ** 0.5
    assert np.mean(few) == pytest.approx(kid_of(x, y), abs=3 * error)
    with_themselves = [squared_mmd(a, b, paired=False) for a, b in zip(x.split(20), y.split(20))]
    assert np.mean(with_themselves) < kid_of(x, y) - 3 * error


def test_two_draws_of_one_distribution_are_near_zero():
    assert abs(kid_of(random_features(80), random_features(80, seed=2))) < 0.05


def test_one_picture_is_too_few():
    with pytest.raises(TooFewPictures, match="got 5 and 1"):
        kid_of(random_features(5), random_features(1))


def test_on_pictures(weights, pair):
    assert kid(*pair).item() > 0
