"""Heads: ranges, sizes, the one output rule, gradients."""

from functools import partial

import pytest
import torch
from torch import nn

from colorbench.batch import Batch
from colorbench.color import rgb_to_lab
from colorbench.training.heads import HEADS, Forward, apply_head, head_channels, with_true_lightness
from tests.training.cells import small_cell


@pytest.fixture
def truth():
    return Batch.from_rgb(torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("head", HEADS)
def test_any_raw_gives_a_finite_picture_with_gradient(head, truth):
    size = 4 if head == "bins" else 8
    raw = (10 * torch.randn(2, head_channels(head), size, size)).requires_grad_()
    output = apply_head(head, raw, truth)
    assert output.rgb.shape == (2, 3, 16, 16)
    assert output.ab.shape == (2, 2, 16, 16)
    assert output.rgb.min() >= 0
    assert output.rgb.max() <= 1
    output.rgb.square().mean().backward()
    assert raw.grad.isfinite().all()
    assert raw.grad.abs().sum() > 0


@pytest.mark.parametrize("head", ["ab", "luv"])
def test_zero_is_gray_under_the_true_lightness(head, truth):
    output = apply_head(head, torch.zeros(2, 2, 16, 16), truth)
    assert output.ab.abs().max() < 1e-2
    assert torch.equal(output.lightness, truth.lightness)


def test_rgb_keeps_its_own_lightness_until_scored(truth):
    output = apply_head("rgb", torch.zeros(2, 3, 16, 16), truth)
    assert torch.allclose(output.rgb, torch.tensor(0.5))
    restored = with_true_lightness(output, truth)
    assert torch.equal(restored.lightness, truth.lightness)
    assert (rgb_to_lab(restored.rgb)[:, :1] - truth.lightness).abs().max() < 0.1


def test_auxiliary_outputs_become_outputs(truth):
    raw = torch.zeros(2, 2, 16, 16)
    output = apply_head("ab", {"raw": raw, "deep": [raw, raw], "logits_529": torch.zeros(2, 529, 4, 4)}, truth)
    assert [each.ab.shape for each in output.extras["deep"]] == [(2, 2, 16, 16)] * 2
    assert output.extras["logits_529"].shape == (2, 529, 4, 4)


def test_bfloat16_raw_is_painted_in_float32(truth):
    output = apply_head("ab", torch.zeros(2, 2, 16, 16, dtype=torch.bfloat16), truth)
    assert output.rgb.dtype == torch.float32


def test_unknown_head_lists_the_known_ones():
    with pytest.raises(KeyError, match="ab, luv, rgb, bins"):
        head_channels("hsv")


@pytest.mark.compiled
def test_many_networks_of_one_class_are_all_compiled(truth, monkeypatch):
    """torch gives up, with no more than a line in its log, after 8 of them."""
    compiled = []

    class Network(nn.Module):
        def __init__(self, width: int):
            super().__init__()
            self.wide, self.narrow = nn.Conv2d(1, width, 1), nn.Conv2d(width, 2, 1)

        def forward(self, gray):
            compiled.append(torch.compiler.is_compiling())
            return self.narrow(self.wide(gray))

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    for width in range(1, 12):
        Forward(Network(width), "ab", small_cell(), compile=True)(truth)
    assert compiled == [True] * 11
