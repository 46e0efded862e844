import pytest
from torch import nn

from colorbench.generators import GeneratorRow
from colorbench.generators.row import as_row


def test_a_builder_may_be_an_address():
    row = GeneratorRow("convolution", "torch.nn:Conv2d")
    assert row.builder is nn.Conv2d
    assert row.options["kernel_size"] is not None


def test_options_leave_out_the_channels():
    assert GeneratorRow("mine", lambda out_channels=2, width=3: nn.Identity()).options == {"width": 3}


def test_channels_follow_the_head():
    assert [GeneratorRow("m", nn.Identity, head=h).out_channels for h in ("ab", "luv", "rgb", "bins")] == [2, 2, 3, 313]


def test_an_unknown_head_lists_the_known():
    with pytest.raises(ValueError, match="generator m: unknown head 'xyz'; known heads: ab, luv, rgb, bins"):
        GeneratorRow("m", nn.Identity, head="xyz")


@pytest.mark.parametrize("key", ["TinyNet", "tiny_net", "", "a-"])
def test_keys_are_kebab_case(key):
    with pytest.raises(ValueError, match="not kebab-case"):
        as_row(key, nn.Identity)


def test_a_row_and_its_key_agree():
    row = GeneratorRow("mine", nn.Identity)
    assert as_row("mine", row) is row
    with pytest.raises(ValueError, match="has the key 'mine'"):
        as_row("yours", row)
