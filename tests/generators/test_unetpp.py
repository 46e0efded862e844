import torch

from colorbench.generators.unetpp import UNetPlusPlus


def test_deep_supervision_is_the_mean_of_its_heads(gray):
    network = UNetPlusPlus(width=2, depth=3, deep_supervision=True)
    output = network.train()(gray)
    assert [raw.shape for raw in output["deep"]] == [(2, 2, 64, 64)] * 3
    torch.testing.assert_close(output["raw"], torch.stack(output["deep"]).mean(0))
    assert isinstance(network.eval()(gray), torch.Tensor)


def test_the_grid_is_a_triangle():
    network = UNetPlusPlus(width=2, depth=4)
    assert len(network.nodes) == 15
    assert network.nodes["0_4"][0][0].in_channels == 5 * 2
