import torch

from colorbench.generators.resnet_blocks import Residual


def test_parameters(count):
    assert count("resnet-9blocks") == 11_368_770
    assert count("resnet-9blocks", depth=6) == 7_828_290


def test_a_block_adds_to_what_it_was_given():
    block = Residual(4, "none")
    with torch.no_grad():
        block.body[5].weight.zero_()
        block.body[5].bias.zero_()
    x = torch.rand(1, 4, 8, 8)
    assert torch.equal(block(x), x)
