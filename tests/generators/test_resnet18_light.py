import pytest
import torch
from torch import nn

from colorbench.generators.pretrained import summed_over_rgb
from colorbench.generators.resnet18_light import Resnet18Light


def test_the_summed_convolution_sees_gray_as_the_whole_one_sees_gray_rgb():
    whole, gray = nn.Conv2d(3, 4, 7, 2, 3), torch.rand(1, 1, 16, 16)
    torch.testing.assert_close(summed_over_rgb(whole)(gray), whole(gray.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)


def test_too_narrow_a_decoder_is_refused():
    with pytest.raises(ValueError, match="width 4 or more, got 2"):
        Resnet18Light(width=2)
