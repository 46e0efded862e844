import torch
from torch.nn.functional import leaky_relu

from colorbench.generators.res_unet import Down, ResUNet


def test_parameters(count):
    assert count("res-unet", depth=5) == 17_093_250


def test_the_shortcut_crosses_the_block():
    block = Down(1, 2, "none")
    with torch.no_grad():
        block.main[0].weight.zero_()
        block.main[0].bias.zero_()
    x = torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(block(x), leaky_relu(block.shortcut(x), 0.2))


def test_one_picture_at_its_smallest_size_trains():
    assert ResUNet(width=2, depth=5).train()(torch.rand(1, 1, 32, 32)).shape == (1, 2, 32, 32)


def test_one_level_is_a_network_too():
    assert ResUNet(width=2, depth=1)(torch.rand(1, 1, 16, 16)).shape == (1, 2, 16, 16)


def test_few_channels_in_channels_last_stay_inside_their_memory():
    """A strided 1x1 convolution would not, on one thread: the process ended by SIGABRT within a few steps."""
    model = ResUNet(width=4, depth=4).to(memory_format=torch.channels_last)
    for _ in range(5):
        gray = torch.rand(4, 1, 32, 32).to(memory_format=torch.channels_last)
        model(gray).abs().mean().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())
