"""FLOPs of a step: agree with a count by hand and with other counters, and leave no trace."""

import pytest
import torch
from torch import nn

from colorbench.generators import GENERATORS
from colorbench.generators.build import build_generator
from colorbench.generators.flops import count_arithmetic, describe, describe_row, forward_macs
from colorbench.generators.row import GeneratorRow


class TwoConvolutions(nn.Module):
    def __init__(self, out_channels: int = 2, width: int = 8):
        super().__init__()
        self.first, self.last = nn.Conv2d(1, width, 3, padding=1), nn.Conv2d(width, out_channels, 1)

    def forward(self, gray):
        return self.last(self.first(gray))


class Stubborn(TwoConvolutions):
    def forward(self, gray):
        return super().forward(gray) * float(gray.mean())


class Depthwise(nn.Module):
    def __init__(self, out_channels: int = 2):
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 16, 1), nn.Conv2d(16, 16, 3, padding=1, groups=16)

    def forward(self, gray):
        return self.last(self.first(gray))[:, :2]


def count(key, options=None, out_channels=2, size_px=32, batch=2):
    return count_arithmetic(key, options or {}, out_channels, size_px, batch)


@pytest.fixture(autouse=True)
def plugged(monkeypatch):
    for key, build in (("two", TwoConvolutions), ("stubborn", Stubborn), ("depthwise", Depthwise)):
        monkeypatch.setitem(GENERATORS, key, GeneratorRow(key, build))


def test_by_hand():
    counted = count("two")
    first, last, pixels = 9 * 8, 8 * 2, 32 * 32
    assert counted.macs == (first + last) * pixels
    # forward; weights of both; the input of the last one only: nobody asks for the gray picture's gradient
    assert counted.flops == 2 * 2 * pixels * ((first + last) + (first + last) + last)
    assert counted.activations == 2 * pixels * (8 + 2)


def test_a_depthwise_convolution_counts_its_groups():
    assert count("depthwise").flops == 2 * 2 * 32 * 32 * (2 * 16 + 3 * 9 * 16)


@pytest.mark.parametrize("key", ["unet", "linknet", "vgg16-cnn", "ddcolor-tiny"])
def test_generators_of_the_table(key):
    """Published networks, small; the frozen one costs less than three forward passes, the others about three."""
    small = dict(GENERATORS[key].small)
    counted = count(key, small, size_px=64)
    with torch.device("meta"):
        network = build_generator(key, 2, **small).to("meta")
    assert counted.macs == forward_macs(network, 64) > 0
    assert 2 < counted.flops / (2 * 2 * counted.macs) < 3.05


def test_leaves_the_random_state_alone():
    before = torch.random.get_rng_state()
    count("unet", {"width": 3, "depth": 2}, size_px=48)
    assert torch.equal(before, torch.random.get_rng_state())


def test_what_cannot_be_counted_says_why():
    counted = count("stubborn")
    assert (counted.flops, counted.macs, counted.activations) == (None, None, None)
    assert "stubborn cannot run on the meta device" in counted.reason


@pytest.mark.parametrize("key", [key for key, row in GENERATORS.items() if row.gmacs])
def test_gmacs_are_those_of_the_specification(key):
    assert describe(key).gmacs == pytest.approx(GENERATORS[key].gmacs, rel=0.011)


def test_a_frozen_pretrained_encoder_is_counted_without_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("COLORBENCH_WEIGHTS", str(tmp_path))
    size = describe("vgg16-cnn", pretrained="imagenet")
    assert (size.parameters, size.trainable_parameters) == (GENERATORS["vgg16-cnn"].parameters, 1_572_114)


def test_a_row_outside_the_table_is_described_too():
    size = describe_row(GeneratorRow("mine", lambda out_channels=2: nn.Conv2d(1, out_channels, 1)))
    assert (size.parameters, size.macs, size.gmacs) == (4, 2 * 256 * 256, 2 * 256 * 256 / 1e9)
    assert describe_row(GeneratorRow("stubborn", Stubborn)).macs is None
