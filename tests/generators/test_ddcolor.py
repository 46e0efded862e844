import pytest
import torch
from torch import nn

from colorbench.generators.ddcolor import ChannelNorm, DDColor, Shuffle

SMALL = {"encoder": "convnext_atto", "width": 16, "depth": 3, "queries": 4}


def test_parameters(count):
    assert count("ddcolor-tiny") == 55_009_200
    assert count("ddcolor-tiny", depth=3) == 45_536_688


def test_deep_supervision_reads_the_picture_after_each_layer(gray):
    network = DDColor(**SMALL, deep_supervision=True)
    output = network.train()(gray)
    assert [raw.shape for raw in output["deep"]] == [(2, 2, 64, 64)] * 3
    assert torch.equal(output["raw"], output["deep"][-1])
    assert network.eval()(gray).shape == (2, 2, 64, 64)


def test_the_channel_norm_is_layer_norm_of_each_position():
    x = torch.rand(2, 5, 3, 4)
    normed = ChannelNorm(5)(x)
    torch.testing.assert_close(normed[1, :, 2, 3], nn.LayerNorm(5)(x[1, :, 2, 3]))


def test_the_shuffle_enlarges():
    assert Shuffle(3, 5, 4)(torch.rand(2, 3, 4, 6)).shape == (2, 5, 16, 24)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 2}, "needs depth 3 or more, got 2"),
        ({"encoder": "convnext_huge"}, "unknown encoder 'convnext_huge'; known encoders: convnext_tiny, convnext_atto"),
        ({**SMALL, "width": 20}, "multiple of 16, got 20"),
    ],
)
def test_what_it_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        DDColor(**options)
