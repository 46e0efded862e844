from inspect import unwrap

import pytest
import torch

from colorbench.color import AbPrior, ab_bins, class_weights, nearest_bin, rgb_to_lab


@pytest.fixture
def ab() -> torch.Tensor:
    return rgb_to_lab(torch.rand(6, 3, 12, 12, generator=torch.Generator().manual_seed(0)))[:, 1:]


def test_streaming_equals_at_once(ab):
    whole, parts = AbPrior(), AbPrior()
    whole.update(ab)
    parts.update(ab[:2])
    parts.update(ab[2:])
    assert torch.equal(whole.counts, parts.counts)
    assert whole.pixels == ab[:, 0].numel()
    assert torch.equal(whole.counts, torch.bincount(nearest_bin(ab).flatten(), minlength=313))


def test_the_prior_is_the_histogram_smoothed_by_a_gaussian(ab):
    prior = AbPrior()
    prior.update(ab)
    kernel = torch.exp(torch.cdist(ab_bins().double(), ab_bins().double()).square() / -50)
    expected = (kernel / kernel.sum(0)) @ (prior.counts / prior.counts.sum()).double()
    torch.testing.assert_close(prior.prior().double(), expected, atol=1e-7, rtol=0)
    assert prior.prior().sum() == pytest.approx(1)


def test_weights_even_out_and_average_to_one(ab):
    prior = AbPrior()
    prior.update(ab)
    weights = class_weights(prior.prior())
    assert (prior.prior() * weights).sum() == pytest.approx(1)
    assert weights.argmax() == prior.prior().argmin()
    torch.testing.assert_close(class_weights(prior.prior(), lam=1.0), torch.ones(313))


@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0])
def test_bins_that_never_occur_have_finite_weights(lam):
    prior = torch.tensor([0.5, 0.25, 0.25, 0.0])
    weights = class_weights(prior, lam)
    assert weights.isfinite().all()
    assert (prior * weights).sum() == pytest.approx(1)
    assert weights[3] == weights.max()


@pytest.mark.parametrize("rarest", [1e-45, 1e-40, 1e-38, 1e-30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_prior_that_underflows_has_finite_weights(rarest, dtype):
    prior = torch.tensor([0.75, 0.25, rarest], dtype=dtype)
    weights = class_weights(prior, lam=0)
    assert weights.float().isfinite().all()
    assert (prior * weights).sum().item() == pytest.approx(1)
    assert weights[2] >= weights[1] > weights[0]


def test_a_gray_split_gives_a_prior_at_gray():
    prior = AbPrior()
    prior.update(torch.zeros(1, 2, 4, 4))
    assert ab_bins()[prior.prior().argmax()].tolist() == [0, 0]


def test_wrong_use_is_refused(unchecked):
    with pytest.raises(ValueError, match="no pixel was counted yet"):
        AbPrior().prior()
    with pytest.raises(ValueError, match="sigma > 0"):
        AbPrior(sigma=0)
    with pytest.raises(ValueError, match=r"lam in \[0, 1\]"):
        class_weights(torch.ones(3) / 3, lam=2)
    with pytest.raises(ValueError, match="prior of shape"):
        class_weights(torch.ones(3, 3))
    with pytest.raises(ValueError, match="sums to 0"):
        class_weights(torch.zeros(3))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_values_that_are_no_color_are_not_counted(value):
    with pytest.raises(ValueError, match="NaN or infinite"):
        AbPrior().update(torch.full((1, 2, 2, 2), value))


def test_a_prior_is_a_tensor():
    with pytest.raises(TypeError, match="the prior is a list, wanted a tensor"):
        unwrap(class_weights)([0.5, 0.5])  # without the type checks of these tests
