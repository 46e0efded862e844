"""Batch and Output: every view, computed at most once, and the guards."""

import pytest
import torch

from colorbench import batch as module
from colorbench.batch import Batch, Output
from colorbench.losses import build_loss


@pytest.fixture
def photos():
    return torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_uint8_and_float_are_one_photo(photos):
    stored = (photos * 255).round().to(torch.uint8)
    assert torch.equal(Batch.from_rgb(stored).rgb, stored.float() / 255)
    assert len(Batch.from_rgb(stored)) == 2


def test_the_truth_reproduces_itself(photos):
    truth = Batch.from_rgb(photos)
    output = Output.from_ab(truth.ab, truth.lightness)
    assert torch.allclose(output.rgb, photos, atol=1e-5)
    assert torch.allclose(Output.from_rgb(photos).ab, truth.ab, atol=1e-3)


def test_gray_input_is_lightness(photos):
    truth = Batch.from_rgb(torch.stack([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)]))
    assert torch.allclose(truth.gray[0], torch.tensor(-1.0), atol=1e-4)
    assert torch.allclose(truth.gray[1], torch.tensor(1.0), atol=1e-4)


def test_views_are_converted_once(photos, monkeypatch):
    calls = []
    real = module.rgb_to_lab
    monkeypatch.setattr(module, "rgb_to_lab", lambda rgb: calls.append(1) or real(rgb))
    truth = Batch.from_rgb(photos)
    for _ in range(3):
        truth.ab, truth.lightness, truth.gray, truth.view("lab")
    assert len(calls) == 1


def test_logits_are_compared_with_ab(photos):
    truth = Batch.from_rgb(photos)
    assert torch.equal(truth.view("logits"), truth.ab)
    output = Output.from_logits(torch.zeros(2, 313, 2, 2), truth.lightness)
    assert output.ab.shape == (2, 2, 8, 8)
    assert output.view("logits").shape == (2, 313, 2, 2)


def test_logits_are_decoded_once_and_only_when_colors_are_asked_for(photos, monkeypatch):
    calls = []
    real = module.annealed_mean
    monkeypatch.setattr(module, "annealed_mean", lambda *a, **k: calls.append(1) or real(*a, **k))
    truth = Batch.from_rgb(photos)
    output = Output.from_logits(torch.randn(2, 313, 4, 4), truth.lightness)
    build_loss("classification(rebalance=False)")(output, truth)
    assert not calls
    output.rgb, output.ab, output.lab, output.detach().ab
    assert len(calls) == 1


def test_detach_keeps_values_and_cuts_the_graph(photos):
    truth = Batch.from_rgb(photos)
    ab = truth.ab.clone().requires_grad_()
    output = Output.from_ab(ab, truth.lightness)
    rgb = output.rgb
    assert rgb.requires_grad
    detached = output.detach()
    assert not detached.rgb.requires_grad
    assert not detached.lab.requires_grad
    assert torch.equal(detached.rgb, rgb)


def test_guards(photos):
    with pytest.raises(ValueError, match="needs ab, rgb or logits"):
        Output(Batch.from_rgb(photos).lightness)
    with pytest.raises(KeyError, match="known views"):
        Batch.from_rgb(photos).view("hsv")
    with pytest.raises(ValueError, match="--head bins"):
        Output.from_rgb(photos).view("logits")
