import math

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from colorbench.losses import sliced_wasserstein

PRED = torch.randn(2, 2, 5, 6, generator=torch.Generator().manual_seed(0))
TARGET = torch.randn(2, 2, 5, 6, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.3


def projected(ab, angle):
    return (ab[0] * math.cos(angle) + ab[1] * math.sin(angle)).flatten().numpy()


def test_against_scipy():
    angles = [math.pi * i / 16 for i in range(16)]
    expected = [
        np.mean([wasserstein_distance(projected(p, t), projected(q, t)) for t in angles]) for p, q in zip(PRED, TARGET)
    ]
    np.testing.assert_allclose(sliced_wasserstein(PRED, TARGET, projections=16), expected, rtol=1e-5)


def test_a_shift_costs_its_mean_projection():
    shift = torch.tensor([0.3, 0.4]).view(2, 1, 1)
    moved = sliced_wasserstein(PRED, PRED + shift)
    torch.testing.assert_close(moved, torch.full((2,), 0.5 * 2 / math.pi), rtol=1e-3, atol=0)
    squared = sliced_wasserstein(PRED, PRED + shift, power=2)
    torch.testing.assert_close(squared, torch.full((2,), 0.25 / 2), rtol=1e-4, atol=0)


@pytest.mark.parametrize("settings", [{"projections": 0}, {"power": 3}])
def test_what_is_refused(settings):
    with pytest.raises(ValueError, match="projections >= 1 and power 1 or 2"):
        sliced_wasserstein(PRED, TARGET, **settings)
