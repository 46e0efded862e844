import pytest
import torch

from colorbench.generators.unet import UNet


@pytest.mark.parametrize("norm", ["batch", "instance", "group", "none"])
def test_every_norm_paints(norm, gray):
    assert UNet(width=4, depth=2, norm=norm)(gray).shape == (2, 2, 64, 64)


def test_the_first_skip_reaches_the_end():
    """With the enlarged half cut off, the picture still depends on the finest level alone."""
    torch.manual_seed(0)
    network = UNet(width=8, depth=1, norm="none").eval()
    with torch.no_grad():
        network.ups[0][1][0].weight.zero_()
        network.ups[0][1][0].bias.zero_()
        one, other = network(torch.zeros(1, 1, 16, 16)), network(torch.ones(1, 1, 16, 16))
    assert not torch.equal(one, other)
