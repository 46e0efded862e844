import torch
from torch import nn

from colorbench.generators.zhang import block, trunk


def test_batch_norm_stands_only_at_a_blocks_end():
    layers = block(1, 4, 3, stride=2)
    assert [type(layer) for layer in layers] == [nn.Conv2d, nn.ReLU] * 3 + [nn.BatchNorm2d]
    assert [layer.stride for layer in layers if isinstance(layer, nn.Conv2d)] == [(1, 1), (1, 1), (2, 2)]


def test_the_strided_trunk_ends_at_an_eighth():
    x = torch.rand(1, 1, 32, 48)
    for each in trunk(1, 2, strided=True):
        x = each(x)
    assert x.shape == (1, 16, 4, 6)
