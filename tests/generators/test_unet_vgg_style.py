import torch
from torch.nn.functional import leaky_relu

from colorbench.generators.unet_vgg_style import Level


def test_the_skip_leaves_before_norm_and_activation():
    level = Level(1, 4, "batch").eval()
    skip, result = level(torch.rand(1, 1, 8, 8))
    assert (skip < 0).any()
    torch.testing.assert_close(result, leaky_relu(level.finish[0](skip), 0.3))
