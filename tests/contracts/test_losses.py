"""The same promises asked of every row of LOSSES."""

import copy
import os
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from colorbench import features
from colorbench.batch import Batch, Output
from colorbench.color import AbPrior
from colorbench.losses import LOSSES, build_loss

SIZE = 32
SMALL = {
    "patchgan": "patchgan(width=4, layers=1)",
    "feature-matching": "feature-matching(width=4, layers=1)",
    "cycle": "cycle(width=4, blocks=1, layers=1)",
    "perceptual": "perceptual(layers=('relu1_2', 'relu2_1'))",
    "lpips": "lpips(net='squeeze')",
}
LARGE = {"ms-ssim": 176}
PLAIN = [key for key, row in LOSSES.items() if row.term is None and row.needs is None]
ZERO_WHEN_EQUAL = ("l1", "mse", "smooth-l1", "huber", "l1-siggraph17", "ssim", "delta-e-2000", "histogram")
SCENES = ("photo", "black", "white", "gray", "gray against color", "out of gamut", "constant", "equal")


class FakeClassifier(nn.Module):
    def forward(self, x):
        return x.mean(dim=(2, 3)) @ torch.linspace(-1, 1, 12).reshape(3, 4)


@pytest.fixture(autouse=True)
def fake_classifier(monkeypatch):
    monkeypatch.setattr(features, "load_classifier", lambda name, device=None: FakeClassifier())


@pytest.fixture(params=LOSSES)
def key(request):
    needs_files = LOSSES[request.param].needs == "weights" and request.param != "class-kl"
    if needs_files and not os.environ.get("COLORBENCH_WEIGHTS"):
        pytest.skip("COLORBENCH_WEIGHTS names no folder of pretrained weights")
    return request.param


def size_of(key):
    return LARGE.get(key, SIZE)


def scene(name, size):
    """True photos, and the ab a generator predicts for them."""
    torch.manual_seed(0)
    rgb, ab = torch.rand(2, 3, size, size), torch.randn(2, 2, size, size) * 20
    if name in ("black", "white"):
        rgb, ab = torch.full_like(rgb, float(name == "white")), torch.zeros_like(ab)
    elif name in ("gray", "gray against color"):
        rgb, ab = (rgb[:, :1].expand_as(rgb) if name == "gray" else rgb), torch.zeros_like(ab)
    elif name == "out of gamut":
        ab = ab * 20
    elif name == "constant":
        rgb, ab = torch.full_like(rgb, 0.3), torch.full_like(ab, 7.0)
    elif name == "equal":
        ab = Batch(rgb).ab.clone()
    return Batch(rgb.contiguous()), ab


def objective_of(key):
    torch.manual_seed(1)
    objective = build_loss(SMALL.get(key, key))
    if objective.needs_prior:
        prior = AbPrior()
        prior.update(scene("photo", SIZE)[0].ab)
        objective.set_prior(prior.prior())
    objective.attach(lambda gray: Output.from_ab(gray.repeat(1, 2, 1, 1) * 50, 50 * (gray + 1)))
    return objective


def prediction(key, batch, ab):
    """An output as the row wants it, and the leaf its gradient should reach."""
    side = size_of(key) // 4
    if LOSSES[key].needs_head == "bins":
        leaf = torch.randn(2, 313, side, side, requires_grad=True)
        return Output.from_logits(leaf, batch.lightness), leaf
    leaf = ab.clone().requires_grad_()
    return Output.from_ab(leaf, batch.lightness, extras={"logits_529": torch.randn(2, 529, side, side)}), leaf


def test_rows_are_complete():
    for key, row in LOSSES.items():
        assert key == row.key
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key)
        assert row.unit
        assert row.source
        assert (row.needs_head == "bins") == (row.view == "logits")
        assert build_loss(SMALL.get(key, key)).needs_head == row.needs_head


@pytest.mark.parametrize("name", SCENES)
def test_value_and_gradient_are_finite(key, name):
    batch, ab = scene(name, size_of(key))
    output, leaf = prediction(key, batch, ab)
    losses = objective_of(key)(output, batch)
    assert losses.total.shape == ()
    assert losses.total.isfinite()
    assert all(value.isfinite() and not value.requires_grad and value.shape == () for value in losses.parts.values())
    losses.total.backward()
    assert leaf.grad.isfinite().all()


def test_nan_of_a_broken_generator_is_not_swallowed(key):
    """A loss of a number would let it train on."""
    batch, ab = scene("photo", size_of(key))
    output, leaf = prediction(key, batch, ab)
    with torch.no_grad():
        leaf[1, :, 3, 5] = torch.nan
    assert objective_of(key)(output, batch).total.isnan()


def test_a_color_photo_gives_a_gradient(key):
    batch, ab = scene("photo", size_of(key))
    output, leaf = prediction(key, batch, ab)
    objective_of(key)(output, batch).total.backward()
    assert leaf.grad.abs().sum() > 0


def test_autocast_changes_nothing(key):
    batch, ab = scene("photo", size_of(key))
    objective = objective_of(key)
    output, _ = prediction(key, batch, ab)
    plain = objective(output, batch)
    plain_critics = [critic.critic_loss(output.detach(), batch) for critic in objective.critics]
    objective = objective_of(key)
    with torch.autocast("cpu", torch.bfloat16):
        output = Output(output.lightness, ab=output.ab, logits=output._logits, extras=output.extras)
        inside = objective(output, Batch(batch.rgb))
        inside_critics = [critic.critic_loss(output.detach(), batch) for critic in objective.critics]
    assert inside.total.dtype == torch.float32
    torch.testing.assert_close(inside, plain, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(inside_critics, plain_critics, rtol=1e-5, atol=1e-5)


def test_critics_learn_and_the_generator_step_leaves_them_alone(key):
    batch, ab = scene("photo", size_of(key))
    objective = objective_of(key)
    output, leaf = prediction(key, batch, ab)
    objective(output, batch).total.backward()
    leaf.grad = None
    for critic in objective.critics:
        parameters = list(critic.critic_parameters())
        assert all(parameter.grad is None and parameter.requires_grad for parameter in parameters)
        optimizer = torch.optim.Adam(parameters, **critic.optimizer)
        losses = []
        for _ in range(6):
            optimizer.zero_grad()
            loss = critic.critic_loss(output, batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0]
    assert leaf.grad is None


def test_state_is_checkpointable(key):
    batch, ab = scene("photo", size_of(key))
    objective, again = objective_of(key), build_loss(SMALL.get(key, key))
    again.attach(lambda gray: Output.from_ab(gray.repeat(1, 2, 1, 1) * 50, 50 * (gray + 1)))
    output, _ = prediction(key, batch, ab)
    before = objective(output, batch)
    state = objective.state_dict()
    assert sum(value.numel() for value in state.values()) < 100_000  # no frozen pretrained net
    again.load_state_dict(state)
    again.train(objective.training)
    torch.testing.assert_close(again(output, batch).total, before.total)
    torch.testing.assert_close(copy.deepcopy(objective)(output, batch).total, before.total)


def test_deep_outputs_are_averaged(key):
    batch, ab = scene("photo", size_of(key))
    objective = objective_of(key).eval()
    first, _ = prediction(key, batch, ab)
    second, _ = prediction(key, batch, ab / 2)
    expected = (objective(first, batch).total + objective(second, batch).total) / 2
    first.extras["deep"] = [second]
    torch.testing.assert_close(objective(first, batch).total, expected)


def test_a_loss_on_logits_says_which_head_it_needs():
    batch, ab = scene("photo", SIZE)
    for key in ("classification", "focal"):
        with pytest.raises(ValueError, match="head 'bins'"):
            objective_of(key)(Output.from_ab(ab, batch.lightness), batch)


def plain_pair(key, b, h, w, dtype=torch.float32):
    """Prediction and target as the function takes them alone."""
    generator = torch.Generator().manual_seed(h * w)
    pair = torch.rand(2, b, 3, h, w, generator=generator, dtype=dtype)
    if LOSSES[key].view == "logits":
        return pair.new_tensor([]).new_zeros(b, 313, h, w).normal_(generator=generator), 60 * pair[1, :, :2] - 30
    if LOSSES[key].view == "ab":
        return (2 * pair - 1)[:, :, :2].unbind(0)
    return (pair * pair.new_tensor([100, 100, 100]).view(3, 1, 1) if LOSSES[key].view == "lab" else pair).unbind(0)


@pytest.mark.parametrize("key", PLAIN)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(b=st.integers(1, 3), h=st.integers(1, 24), w=st.integers(1, 24))
def test_any_shape_gives_one_value_a_picture(key, b, h, w):
    if key in ("ssim", "ms-ssim"):
        smallest = 161 if key == "ms-ssim" else 11
        h, w = h + smallest - 1, w + smallest - 1
    pred, target = plain_pair(key, b, h, w)
    values = LOSSES[key].function(pred, target)
    assert values.shape == (b,)
    assert values.isfinite().all()
    torch.testing.assert_close(LOSSES[key].function(pred[-1:], target[-1:]), values[-1:], rtol=1e-4, atol=1e-5)


WRONG = {
    "bool": lambda x: x > 0.5,
    "int64": lambda x: x.long(),
    "uint16": lambda x: x.abs().to(torch.uint16),
    "complex": lambda x: x.to(torch.complex64),
    "array": lambda x: x.numpy(),
    "list": lambda x: x.tolist(),
    "nothing": lambda x: None,
    "one picture": lambda x: x[0],
    "5-D": lambda x: x[None],
    "no pixels": lambda x: x[..., :0],
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("key", PLAIN)
def test_what_is_no_picture_is_refused_in_a_sentence(key, wrong):
    pred, target = plain_pair(key, 2, 176, 176) if key == "ms-ssim" else plain_pair(key, 2, 16, 16)
    pairs = [(WRONG[wrong](pred), WRONG[wrong](target)), (WRONG[wrong](pred), target)]
    if not (wrong == "nothing" and key in ("tv", "colorfulness")):  # which may look at the prediction alone
        pairs.append((pred, WRONG[wrong](target)))
    for pair in pairs:
        with pytest.raises((TypeError, ValueError), match=r"wanted|give a target|without pixels"):
            LOSSES[key].function(*pair)


@pytest.mark.parametrize("key", ZERO_WHEN_EQUAL)
def test_equal_pictures_cost_nothing(key):
    pred, _ = plain_pair(key, 2, 16, 16)
    torch.testing.assert_close(LOSSES[key].function(pred, pred), torch.zeros(2), atol=2e-6, rtol=0)


@pytest.mark.parametrize("key", [key for key in PLAIN if key not in ("ms-ssim", "classification", "focal")])
def test_gradcheck(key):
    side = 12 if key == "ssim" else 4
    pred, target = plain_pair(key, 1, side, side, torch.float64)
    assert torch.autograd.gradcheck(
        lambda x: LOSSES[key].function(x, target), pred.clone().requires_grad_(), fast_mode=key == "ssim"
    )
