import pytest
import torch
from torch import nn

from colorbench.generators.unet_pix2pix import UNetPix2pix


def test_norms_and_dropouts_are_where_the_paper_has_them():
    with torch.device("meta"):
        network = UNetPix2pix()
    normed = [any(isinstance(layer, nn.BatchNorm2d) for layer in down) for down in network.downs]
    assert normed == [False, *[True] * 6, False]
    dropped = [any(isinstance(layer, nn.Dropout) for layer in up) for up in network.ups]
    assert dropped == [False, True, True, True, False, False, False]


def test_one_picture_at_its_smallest_size_trains():
    """The innermost map is a single pixel, which batch norm would refuse."""
    assert UNetPix2pix(width=2, depth=5).train()(torch.rand(1, 1, 32, 32)).shape == (1, 2, 32, 32)


def test_too_few_levels_are_refused():
    with pytest.raises(ValueError, match="at least 4 levels, got depth=3"):
        UNetPix2pix(depth=3)
