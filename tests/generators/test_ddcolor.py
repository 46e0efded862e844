import math

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d

from colorbench.generators import build_generator
from colorbench.generators.ddcolor import MOST_TABLES, ChannelNorm, ColorDecoder, DDColor, Shuffle, sine_positions

SMALL = {"encoder": "convnext_atto", "width": 16, "depth": 3, "queries": 4}


def test_parameters(count):
    assert count("ddcolor-tiny") == 55_006_640 - 1536  # the authors' code has a norm that it never uses
    assert count("ddcolor-tiny", version=1) == 55_009_200
    assert count("ddcolor-tiny", version=1, depth=3) == 45_536_688


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


@pytest.mark.parametrize("icnr", [True, False])
def test_icnr_makes_equal_pixels_of_one(icnr):
    pixels = nn.PixelShuffle(4)(Shuffle(3, 5, 4, icnr, norm=False).widen(torch.rand(2, 3, 4, 6)))
    blocks = pixels.unfold(2, 4, 4).unfold(3, 4, 4).flatten(4)
    assert torch.allclose(blocks, blocks[..., :1].expand_as(blocks), atol=1e-6) is icnr


def test_the_versions_differ_in_the_last_shuffle():
    for version, norms, bias in ((2, 0, True), (1, 1, False)):
        last = build_generator("ddcolor-tiny", **SMALL, version=version).enlarge.widen
        assert sum(isinstance(layer, nn.BatchNorm2d) for layer in last) == norms
        assert (last[0].bias is not None) is bias


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"version": 3}, "versions 1 and 2, got 3"),
        ({"depth": 2}, "needs depth 3 or more, got 2"),
        ({"encoder": "convnext_huge"}, "unknown encoder 'convnext_huge'; known encoders: convnext_tiny, convnext_atto"),
        ({**SMALL, "width": 20}, "multiple of 16, got 20"),
    ],
)
def test_what_it_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        DDColor(**options)


def test_positions_tell_rows_from_columns():
    places = sine_positions(4, 6, 16, torch.device("cpu")).view(4, 6, 16)
    assert torch.equal(places[2, 0, :8], places[2, 5, :8])
    assert torch.equal(places[0, 3, 8:], places[3, 3, 8:])
    assert places[0, 0, 0].item() == pytest.approx(math.sin(2 * math.pi / 4))
    assert len(torch.unique(places.view(24, 16), dim=0)) == 24


def test_one_answer_per_layer_or_the_last_alone():
    decoder = ColorDecoder([8, 8, 16], 16, queries=5, depth=4).eval()
    scales = [torch.rand(2, c, s, s) for c, s in ((8, 2), (8, 4), (16, 8))]
    answers = decoder(scales, every_layer=True)
    assert [answer.shape for answer in answers] == [(2, 5, 16)] * 4
    assert torch.equal(decoder(scales)[0], answers[-1])


def test_positions_are_computed_once_for_a_size():
    decoder, small = ColorDecoder([8], 16, queries=5, depth=1), torch.rand(1, 8, 3, 5).bfloat16()
    with torch.inference_mode():
        first = decoder.positions(small)
    assert decoder.positions(small) is first
    assert not first.is_inference()
    assert torch.equal(first, sine_positions(3, 5, 16, torch.device("cpu")).bfloat16())
    assert decoder.positions(small.float()).dtype == torch.float32
    assert not any("tables" in key for key in decoder.state_dict())


def test_of_many_sizes_the_first_are_kept():
    decoder = ColorDecoder([8], 16, queries=5, depth=1)
    maps = [torch.rand(1, 8, 1, side) for side in range(1, MOST_TABLES + 2)]
    first, *_, last = (decoder.positions(x) for x in maps)
    assert decoder.positions(maps[0]) is first
    assert decoder.positions(maps[-1]) is not last


def test_a_mean_of_what_is_there_is_that_of_repeated_pixels():
    """A GPU takes the first: it needs no padded copy."""
    x = torch.rand(2, 3, 5, 7)
    found = avg_pool2d(x, 2, 1, padding=1, count_include_pad=False)[..., :-1, :-1]
    torch.testing.assert_close(found, Shuffle(3, 5, 4).shuffle[2:](x))
