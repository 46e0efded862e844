import torch

from colorbench.generators.unet3p import UNet3Plus


def test_parameters(count):
    assert count("unet3p", deep_supervision=True) == 27_009_226


def test_deep_supervision_gives_every_scale_at_full_size():
    network = UNet3Plus(width=2, depth=4, deep_supervision=True)
    gray = torch.rand(1, 1, 50, 67)
    output = network.train()(gray)
    assert [raw.shape for raw in output["deep"]] == [(1, 2, 50, 67)] * 5
    assert torch.equal(output["raw"], output["deep"][0])
    assert network.eval()(gray).shape == (1, 2, 50, 67)


def test_every_node_gathers_five_scales():
    network = UNet3Plus(width=2, depth=4)
    assert [len(node.branches) for node in network.nodes] == [5] * 4
