"""The promises of GENERATORS, asked of every row: the same that `colorbench check` asks of anybody's file."""

import json

import pytest
import torch

from colorbench.generators import GENERATORS, build_generator
from colorbench.generators.check import MODULE_PROMISES, ROW_PROMISES


@pytest.fixture(params=GENERATORS, scope="module")
def row(request):
    return GENERATORS[request.param]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def network(row):
    """Built once: to initialize VGG-16 takes longer than to ask all of these."""
    torch.manual_seed(0)
    return build_generator(row.key, **row.small)


def test_parameters_at_the_default_options(row):
    with torch.device("meta"):
        network = build_generator(row.key, row.out_channels)
    assert sum(p.numel() for p in network.parameters()) == row.parameters


def test_facts_are_stated(row):
    assert row.source
    assert row.citation
    assert row.licence
    assert ("pretrained" in row.options) == bool(row.pretrained_licence)
    assert json.loads(json.dumps(row.options)) == row.options


@pytest.mark.parametrize("promise", ROW_PROMISES)
def test_row(row, promise):
    ROW_PROMISES[promise](row)


def test_the_smallest_picture_trains(row, network):
    raw = network.train()(torch.rand(1, 1, 16, 16))
    raw = raw["raw"] if isinstance(raw, dict) else raw
    assert raw.shape == (1, 2, 16 // row.output_stride, 16 // row.output_stride)


def test_a_picture_too_small_names_the_size(network):
    with pytest.raises(ValueError, match="pad to 16x20"):
        network(torch.rand(1, 1, 12, 20))


@pytest.mark.compiled
def test_compiles_without_graph_breaks(network):
    """In training, at a size that has to be padded: evaluation and other sizes do less."""
    torch.compiler.reset()
    torch.compile(network.train(), backend="eager", fullgraph=True)(torch.rand(2, 1, 37, 37))


def test_network(network):
    """Every promise; last, because some change it."""
    for keep in MODULE_PROMISES.values():
        keep(network)
