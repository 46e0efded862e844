import math

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from colorbench.losses import histogram, sliced_wasserstein
from colorbench.losses.distributions import soft_histogram

PRED = torch.rand(2, 2, 6, 7, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
TARGET = torch.rand(2, 2, 6, 7, generator=torch.Generator().manual_seed(1)) * 0.8 - 0.2
CLOUD = torch.randn(2, 2, 5, 6, generator=torch.Generator().manual_seed(0))
OTHER = torch.randn(2, 2, 5, 6, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.3


def test_histogram_against_scipy():
    points = np.linspace(-1, 1, 23)
    shares = soft_histogram(PRED, 23).double().numpy(), soft_histogram(TARGET, 23).double().numpy()
    np.testing.assert_allclose(shares[0].sum(-1), 1, rtol=1e-6)
    expected = [
        sum(wasserstein_distance(points, points, shares[0][i, axis], shares[1][i, axis]) for axis in (0, 1))
        for i in (0, 1)
    ]
    np.testing.assert_allclose(histogram(PRED, TARGET, bins=23), expected, rtol=1e-5)


def test_fine_bins_give_the_distance_of_the_pixels_themselves():
    expected = [
        sum(wasserstein_distance(PRED[i, axis].flatten(), TARGET[i, axis].flatten()) for axis in (0, 1)) for i in (0, 1)
    ]
    np.testing.assert_allclose(histogram(PRED, TARGET, bins=512), expected, rtol=1e-3)


def test_places_do_not_matter_and_the_edges_count():
    torch.testing.assert_close(histogram(PRED.flip(2, 3), TARGET), histogram(PRED, TARGET))
    edge = torch.tensor([-3.0, -1, 1, 3]).reshape(1, 1, 2, 2).repeat(1, 2, 1, 1)
    assert soft_histogram(edge, 3).tolist() == [[[0.5, 0, 0.5]] * 2]


def test_a_prediction_that_is_nan_gives_nan():
    pred = PRED.clone()
    pred[0, 0, 0, 0] = torch.nan
    assert histogram(pred, TARGET).isnan().tolist() == [True, False]


def test_too_few_bins():
    with pytest.raises(ValueError, match="at least 2 bins, got 1"):
        histogram(PRED, TARGET, bins=1)


def projected(ab, angle):
    return (ab[0] * math.cos(angle) + ab[1] * math.sin(angle)).flatten().numpy()


def test_sliced_wasserstein_against_scipy():
    angles = [math.pi * i / 16 for i in range(16)]
    expected = [
        np.mean([wasserstein_distance(projected(p, t), projected(q, t)) for t in angles]) for p, q in zip(CLOUD, OTHER)
    ]
    np.testing.assert_allclose(sliced_wasserstein(CLOUD, OTHER, projections=16), expected, rtol=1e-5)


def test_a_shift_costs_its_mean_projection():
    shift = torch.tensor([0.3, 0.4]).view(2, 1, 1)
    moved = sliced_wasserstein(CLOUD, CLOUD + shift)
    torch.testing.assert_close(moved, torch.full((2,), 0.5 * 2 / math.pi), rtol=1e-3, atol=0)
    squared = sliced_wasserstein(CLOUD, CLOUD + shift, power=2)
    torch.testing.assert_close(squared, torch.full((2,), 0.25 / 2), rtol=1e-4, atol=0)


@pytest.mark.parametrize("settings", [{"projections": 0}, {"power": 3}])
def test_projections_and_power(settings):
    with pytest.raises(ValueError, match="projections >= 1 and power 1 or 2"):
        sliced_wasserstein(CLOUD, OTHER, **settings)
