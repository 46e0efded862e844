import math

import pytest
import torch

from colorbench.color import ab_bins
from colorbench.color.mixture import Mixture

TWO = Mixture(((27.0, -8.0), (-26.0, 8.0)), (0.5, 0.5))
THREE = Mixture(((32.0, -10.0), (-24.0, 20.0), (4.0, -30.0)), (0.4, 0.35, 0.25))


def draws(mixture, count=200_000):
    torch.manual_seed(0)
    chosen = torch.multinomial(torch.tensor(mixture.weights), count, replacement=True)
    return torch.tensor(mixture.modes)[chosen] + mixture.jitter * torch.randn(count, 2)


@pytest.mark.parametrize("mixture", [TWO, THREE], ids=["two", "three"])
def test_mean_and_median_are_those_of_draws(mixture):
    ab = draws(mixture)
    torch.testing.assert_close(torch.tensor(mixture.mean), ab.mean(0), atol=0.2, rtol=0)
    below = (ab < torch.tensor(mixture.median)).double().mean(0)
    torch.testing.assert_close(below, torch.full((2,), 0.5, dtype=torch.double), atol=0.005, rtol=0)


def test_the_median_of_two_equal_modes_lies_between_them():
    assert TWO.median == pytest.approx((0.5, 0.0), abs=0.1)


def test_mode_is_the_likeliest_and_of_equals_the_first():
    assert THREE.mode == (32, -10)
    assert TWO.mode == (27, -8)


def test_points_have_the_mixtures_moments():
    ab, share = THREE.points()
    mean = share @ ab
    assert mean.tolist() == pytest.approx(THREE.mean, abs=1e-9)
    between = sum(w * (m[0] - THREE.mean[0]) ** 2 for w, m in zip(THREE.weights, THREE.modes))
    assert float(share @ (ab[:, 0] - mean[0]) ** 2) == pytest.approx(between + THREE.jitter**2, rel=0.01)


def test_the_posterior_is_a_distribution_around_the_modes():
    posterior = THREE.posterior()
    assert float(posterior.sum()) == pytest.approx(1, abs=1e-5)
    bins = ab_bins().float()
    for mode, weight in zip(THREE.modes, THREE.weights):
        near = (bins - torch.tensor(mode, dtype=torch.float32)).norm(dim=1) < 17
        assert float(posterior[near].sum()) == pytest.approx(weight, abs=0.02)


def test_annealing_goes_from_the_mean_to_the_mode():
    mixture = Mixture(((28.0, 22.0), (-2.0, -27.0)), (0.7, 0.3))
    to_mean = [math.dist(mixture.annealed(t), mixture.mean) for t in (1.0, 0.38, 0.1)]
    assert to_mean[0] < 1
    assert to_mean == sorted(to_mean)
    assert math.dist(mixture.annealed(0.05), mixture.mode) < 5


@pytest.mark.parametrize(
    ("modes", "weights", "jitter", "message"),
    [
        ((), (), 2.0, "one weight per mode"),
        (((1.0, 1.0), (2.0, 2.0)), (1.0,), 2.0, "one weight per mode"),
        (((1.0, 1.0), (2.0, 2.0)), (0.7, 0.7), 2.0, "sum to 1"),
        (((1.0, 1.0), (2.0, 2.0)), (1.5, -0.5), 2.0, "above 0"),
        (((1.0, 1.0),), (1.0,), 0.0, "jitter must be above 0"),
    ],
)
def test_what_is_no_mixture_is_refused(modes, weights, jitter, message):
    with pytest.raises(ValueError, match=message):
        Mixture(modes, weights, jitter)
