import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import log_softmax

from colorbench.batch import Batch, Output
from colorbench.color import AbPrior, ab_bins, class_weights, densify, soft_encode
from colorbench.losses import build_loss, classification, focal
from colorbench.losses.classification import sample

LOGITS = 3 * torch.randn(2, 313, 3, 3, generator=torch.Generator().manual_seed(0))
AB = 40 * torch.randn(2, 2, 12, 12, generator=torch.Generator().manual_seed(1))


def a_batch(size=32):
    torch.manual_seed(0)
    return Batch(torch.rand(3, 3, size, size))


def a_prior(batch):
    prior = AbPrior()
    prior.update(batch.ab)
    return prior.prior()


def output_of(batch, side=8):
    logits = torch.randn(len(batch), 313, side, side, requires_grad=True)
    return logits, Output.from_logits(logits, batch.lightness)


@pytest.mark.parametrize("k", [5, 10])
def test_against_dense_cross_entropy(k):
    batch = a_batch()
    logits, _ = output_of(batch)
    dense = densify(*soft_encode(batch.ab[:, :, ::4, ::4], k=k))
    expected = F.cross_entropy(logits, dense, reduction="none").mean((1, 2))
    torch.testing.assert_close(classification(logits, batch.ab, k=k), expected)


def test_rebalancing_weighs_the_nearest_bin_in_value_and_gradient():
    batch = a_batch()
    logits, output = output_of(batch)
    prior = a_prior(batch)
    objective = build_loss("classification", prior=prior)
    losses = objective(output, batch)
    quarter = batch.ab[:, :, ::4, ::4]
    plain = F.cross_entropy(logits, densify(*soft_encode(quarter)), reduction="none")
    nearest = torch.cdist(quarter.movedim(1, -1).reshape(-1, 2), ab_bins()).argmin(1).reshape(plain.shape)
    weights = 1 / (0.5 * prior + 0.5 / 313)
    weights = (weights / (weights * prior).sum())[nearest]
    torch.testing.assert_close(losses.parts["classification"], (weights * plain).mean().detach())
    torch.testing.assert_close(losses.parts["classification-unweighted"], plain.mean().detach())
    (expected,) = torch.autograd.grad(plain.mean(), logits)
    losses.total.backward()
    torch.testing.assert_close(logits.grad, expected * weights[:, None], atol=1e-7, rtol=1e-3)
    torch.testing.assert_close(
        classification(logits, batch.ab, weights=class_weights(prior)).mean(), losses.total, rtol=1e-5, atol=0
    )


def test_photos_without_color_are_left_out():
    batch = a_batch()
    rgb = batch.rgb.clone()
    rgb[1] = rgb[1, :1]
    batch = Batch(rgb)
    logits, output = output_of(batch)
    values = classification(logits, batch.ab)
    assert values[1] == 0
    assert values[0] > 0
    objective = build_loss("classification(rebalance=False)")
    losses = objective(output, batch)
    torch.testing.assert_close(losses.total, (values[0] + values[2]) / 2)
    losses.total.backward()
    assert logits.grad[1].abs().sum() == 0


def test_a_batch_of_gray_photos_costs_nothing():
    batch = Batch(torch.rand(2, 1, 16, 16).repeat(1, 3, 1, 1))
    logits, output = output_of(batch, 4)
    losses = build_loss("classification(rebalance=False)")(output, batch)
    losses.total.backward()
    assert losses.total == 0
    assert logits.grad.abs().sum() == 0


def test_the_limit_is_5_lab_units():
    logits = torch.zeros(2, 313, 1, 1)
    ab = torch.tensor([4.9, -5.1]).reshape(2, 1, 1, 1).repeat(1, 2, 4, 4)
    assert (classification(logits, ab) > 0).tolist() == [False, True]


@pytest.mark.parametrize(
    ("size", "logits", "rows"),
    [(32, 8, range(0, 32, 4)), (33, 9, range(0, 33, 4)), (8, 8, range(8)), (10, 7, [0, 1, 2, 4, 5, 7, 8])],
)
def test_ab_is_sampled_at_the_logits_size(size, logits, rows):
    ab = torch.arange(float(size)).reshape(1, 1, size, 1).expand(1, 2, size, size)
    assert sample(ab, (logits, logits))[0, 0, :, 0].tolist() == list(rows)


def test_what_is_refused():
    ab = torch.zeros(1, 2, 8, 8)
    with pytest.raises(ValueError, match="larger than the photo"):
        classification(torch.zeros(1, 313, 16, 16), ab)
    with pytest.raises(ValueError, match=r"wanted \(b, 313, h, w\): use the head 'bins'"):
        classification(torch.zeros(1, 312, 2, 2), ab)
    with pytest.raises(ValueError, match="lam in"):
        build_loss("classification(lam=2.0)")
    with pytest.raises(ValueError, match="expected k"):
        build_loss("classification(k=0)")


def test_the_prior_is_asked_for():
    batch = a_batch()
    _, output = output_of(batch)
    objective = build_loss("classification")
    assert objective.needs_prior
    assert not build_loss("classification(rebalance=False)").needs_prior
    with pytest.raises(ValueError, match=r"objective\.set_prior"):
        objective(output, batch)
    with pytest.raises(ValueError, match=r"shape \(313,\)"):
        objective.set_prior(torch.ones(100) / 100)
    with pytest.raises(ValueError, match="sum to 1"):
        objective.set_prior(torch.ones(313))


def test_the_prior_comes_back_from_a_checkpoint():
    batch = a_batch()
    _, output = output_of(batch)
    objective, again = build_loss("classification", prior=a_prior(batch)), build_loss("classification")
    again.load_state_dict(objective.state_dict())
    torch.testing.assert_close(again(output, batch), objective(output, batch))
    unset = build_loss("classification")
    again.load_state_dict(unset.state_dict())
    with pytest.raises(ValueError, match="needs the prior of the train split"):
        again(output, batch)


def test_autocast_does_not_reach_half_precision_logits():
    batch = a_batch()
    logits = torch.randn(3, 313, 8, 8).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = classification(logits, batch.ab)
    torch.testing.assert_close(found, classification(logits.float(), batch.ab))


def test_focal_against_numpy():
    log_share = log_softmax(LOGITS.double().numpy(), axis=1)
    target = densify(*soft_encode(AB[:, :, ::4, ::4])).numpy()
    expected = -(target * (1 - np.exp(log_share)) ** 2 * log_share).sum(1).mean((1, 2))
    np.testing.assert_allclose(focal(LOGITS, AB), expected, rtol=1e-5)


def test_focal_of_gamma_0_is_cross_entropy():
    torch.testing.assert_close(focal(LOGITS, AB, gamma=0.0), classification(LOGITS, AB))


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_focal_of_sure_and_right_has_a_finite_gradient(gamma):
    indices, _ = soft_encode(AB[:, :, ::4, ::4], k=1)
    sure = torch.zeros_like(LOGITS).scatter(1, indices, 1000.0).requires_grad_()
    focal(sure, AB, gamma=gamma, k=1).sum().backward()
    assert sure.grad.isfinite().all()


def test_focal_of_negative_gamma():
    with pytest.raises(ValueError, match="at least 0, got -1"):
        focal(LOGITS, AB, gamma=-1.0)
