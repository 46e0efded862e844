import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from colorbench.color import AbPrior, nearest_bin, rgb_to_lab
from colorbench.metrics import ab_auc, ab_auc_rebalanced
from colorbench.metrics.ab_auc import ab_auc_lab, ab_auc_rebalanced_lab


def sweep(pred, target, weights=None):
    """Zhang 2016: share of pixels within 0, 1 .. 150, trapezoids, normalized."""
    distance = (pred[:, 1:] - target[:, 1:]).double().square().sum(1).sqrt().flatten(1).numpy()
    weights = np.ones_like(distance) if weights is None else weights
    curve = [(weights * (distance <= t)).sum(1) / weights.sum(1) for t in range(151)]
    return np.trapezoid(curve, axis=0) / 150


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 999), scale=st.sampled_from([0.0, 0.3, 5.0, 60.0, 300.0]), side=st.integers(1, 12))
def test_equals_the_151_threshold_sweep(seed, scale, side):
    draw = torch.Generator().manual_seed(seed)
    target = 50 * torch.randn(2, 3, side, side, generator=draw, dtype=torch.float64)
    pred = target + scale * torch.randn(2, 3, side, side, generator=draw, dtype=torch.float64)
    np.testing.assert_allclose(ab_auc_lab(pred, target), sweep(pred, target), atol=1e-6)


def test_it_is_near_the_integral_without_sampling(pair):
    labs = [rgb_to_lab(x) for x in pair]
    distance = (labs[0] - labs[1])[:, 1:].square().sum(1).sqrt()
    exact = 1 - distance.clamp(max=150).mean(dim=(1, 2)) / 150
    torch.testing.assert_close(ab_auc(*pair), exact, atol=1e-3, rtol=0)


def test_whole_distances_count_at_their_own_threshold():
    target = torch.zeros(1, 3, 1, 5)
    pred = torch.zeros(1, 3, 1, 5)
    pred[0, 1, 0] = torch.tensor([0.0, 1.0, 149.5, 150.0, 150.5])
    np.testing.assert_allclose(ab_auc_lab(pred, target), sweep(pred, target), atol=1e-6)


def test_rebalanced_weights_pixels_by_their_bin(pair):
    pred, target = (rgb_to_lab(x) for x in pair)
    prior = AbPrior()
    prior.update(target[:, 1:])
    p = prior.prior().double()
    weights = (1 / p)[nearest_bin(target[:, 1:])].flatten(1).numpy()
    np.testing.assert_allclose(ab_auc_rebalanced(*pair), sweep(pred, target, weights), atol=1e-5)
    np.testing.assert_allclose(ab_auc_rebalanced(*pair, prior=prior.prior()), sweep(pred, target, weights), atol=1e-5)


def test_rare_colors_count_more_when_rebalanced():
    """Nine gray pixels right, one red pixel wrong."""
    target = torch.full((1, 3, 1, 10), 0.5)
    target[0, :, 0, 0] = torch.tensor([0.9, 0.1, 0.1])
    pred = torch.full((1, 3, 1, 10), 0.5)
    assert ab_auc_rebalanced(pred, target).item() < ab_auc(pred, target).item() - 0.05


def test_equal_weights_give_the_plain_value(pair):
    pred, target = (rgb_to_lab(x) for x in pair)
    torch.testing.assert_close(ab_auc_rebalanced_lab(pred, target, torch.ones(313)), ab_auc_lab(pred, target))


def test_identical_is_one(pair):
    assert ab_auc(pair[0], pair[0]).tolist() == pytest.approx([1, 1, 1])
