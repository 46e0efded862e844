import pytest
import torch
from torch import nn

from colorbench.generators.eccv16 import Eccv16, block, trunk


@pytest.mark.parametrize(("size", "expected"), [((64, 64), (16, 16)), ((65, 78), (17, 20))])
def test_logits_come_at_a_quarter_of_the_size(size, expected):
    """As many positions as ab[::4, ::4], to which the classification loss compares them."""
    gray = torch.rand(1, 1, *size)
    assert Eccv16(width=2)(gray).shape == (1, 313, *expected)
    assert gray[..., ::4, ::4].shape[-2:] == expected


def test_batch_norm_stands_only_at_a_blocks_end():
    layers = block(1, 4, 3, stride=2)
    assert [type(layer) for layer in layers] == [nn.Conv2d, nn.ReLU] * 3 + [nn.BatchNorm2d]
    assert [layer.stride for layer in layers if isinstance(layer, nn.Conv2d)] == [(1, 1), (1, 1), (2, 2)]


def test_the_strided_trunk_ends_at_an_eighth():
    x = torch.rand(1, 1, 32, 48)
    for each in trunk(1, 2, strided=True):
        x = each(x)
    assert x.shape == (1, 16, 4, 6)
