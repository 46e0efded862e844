import hashlib

import pytest
from torch import nn

from colorbench.generators import GENERATORS, GeneratorRow, describe
from colorbench.generators.describe import describe_row, source_sha256


@pytest.mark.parametrize("key", [key for key, row in GENERATORS.items() if row.gmacs])
def test_gmacs_are_those_of_the_specification(key):
    assert describe(key).gmacs == pytest.approx(GENERATORS[key].gmacs, rel=0.011)


def test_facts_of_a_frozen_pretrained_encoder_need_no_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("COLORBENCH_WEIGHTS", str(tmp_path))
    facts = describe("vgg16-cnn", pretrained="imagenet")
    assert facts.pretrained == "vgg16 imagenet"
    assert facts.trainable_parameters == 1_572_114
    assert "BSD" in facts.pretrained_licence
    assert describe("vgg16-cnn").pretrained_licence == ""
    assert facts.options["pretrained"] == "imagenet"


def test_a_network_that_needs_real_values_has_no_count():
    class Peeks(nn.Module):
        def __init__(self, out_channels=2):
            super().__init__()

        def forward(self, gray):
            return gray * gray.max().item()

    assert describe_row(GeneratorRow("peeks", Peeks)).macs is None


def test_the_source_is_the_builders_file():
    import colorbench.generators.unet as module

    with open(module.__file__, "rb") as file:
        assert source_sha256(GENERATORS["unet"]) == hashlib.sha256(file.read()).hexdigest()
    assert source_sha256(GeneratorRow("m", print)) is None


def test_a_row_outside_the_table_is_described_too():
    row = GeneratorRow("mine", lambda out_channels=2: nn.Conv2d(1, out_channels, 1), licence="0BSD")
    facts = describe_row(row)
    assert (facts.parameters, facts.licence, facts.macs) == (4, "0BSD", 2 * 256 * 256)
