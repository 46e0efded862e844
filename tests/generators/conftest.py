"""What the tests of generators share: lightness to paint, and counts on the meta device."""

import pytest
import torch

from colorbench.generators import GENERATORS, build_generator


@pytest.fixture
def gray():
    """Two random lightness pictures of 64x64 in [-1, 1]."""
    return torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture
def count():
    """Parameters of a generator with these options, built without storage."""

    def count(key, out_channels=None, **options):
        with torch.device("meta"):
            network = build_generator(key, out_channels or GENERATORS[key].out_channels, **options)
        return sum(p.numel() for p in network.parameters())

    return count


@pytest.fixture
def vgg16_weights():
    """Skips without VGG16's weights."""
    from colorbench.features import WeightsMissing
    from colorbench.generators.pretrained import vgg16_state

    try:
        return vgg16_state()
    except WeightsMissing as error:
        pytest.skip(f"VGG16 weights are not here: {error}")
