import pytest
from torch import nn

from colorbench.generators import GeneratorRow


def test_a_builder_may_be_an_address():
    row = GeneratorRow("convolution", "torch.nn:Conv2d")
    assert row.builder is nn.Conv2d
    assert row.options["kernel_size"] is not None


def test_options_leave_out_the_channels():
    assert GeneratorRow("mine", lambda out_channels=2, width=3: nn.Identity()).options == {"width": 3}
    assert GeneratorRow("mine", lambda out_channels=2, width=3: nn.Identity()).pretrained_options == ()


def test_channels_follow_the_head():
    assert [GeneratorRow("m", nn.Identity, head=h).out_channels for h in ("ab", "luv", "rgb", "bins")] == [2, 2, 3, 313]
    assert GeneratorRow("m", nn.Identity).needs_head is None


def test_an_unknown_head_lists_the_known():
    with pytest.raises(ValueError, match="generator m: unknown head 'xyz'; known heads: ab, luv, rgb, bins"):
        GeneratorRow("m", nn.Identity, head="xyz")
