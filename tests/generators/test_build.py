import pytest
from torch import nn

from colorbench.generators import GeneratorRow, build_generator
from colorbench.generators.build import build_row, planned_options, recorded_options


def test_an_unknown_generator_lists_the_known():
    with pytest.raises(KeyError, match="unknown generator 'u-net'; known generators: unet, unet-pix2pix"):
        build_generator("u-net")


def test_an_unknown_option_lists_the_known():
    with pytest.raises(KeyError, match="generator unet has no option 'widht'; its options: width=64, depth=4"):
        build_generator("unet", widht=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": "64"}, "width='64' should be int"),
        ({"width": True}, "width=True should be int"),
        ({"width": 0}, "width=0 must be at least 1"),
        ({"norm": 3}, "norm=3 should be str"),
    ],
)
def test_options_of_the_wrong_kind(options, message):
    with pytest.raises(ValueError, match=message):
        build_generator("unet", **options)


@pytest.mark.parametrize("channels", [0, -2])
def test_out_channels_must_be_a_number(channels):
    with pytest.raises(ValueError, match="give the head's number of channels: 2, 3 or 313"):
        build_generator("unet", channels)


def test_a_float_option_takes_an_int():
    row = GeneratorRow("m", lambda out_channels=2, share=0.5: nn.Conv2d(1, out_channels, 1))
    assert build_row(row, share=1).out_channels == 2


def test_an_option_whose_default_changed_is_planned_with_it_and_recorded_cells_keep_the_former():
    assert planned_options("ddcolor-tiny", {"depth": 3}) == {"depth": 3, "version": 2}
    assert recorded_options("ddcolor-tiny", {"depth": 3}) == {"depth": 3, "version": 1}
    for stated in ({"version": 1}, {"version": 2}):
        assert planned_options("ddcolor-tiny", stated) == recorded_options("ddcolor-tiny", stated) == stated
    assert planned_options("unet", {}) == recorded_options("unet", {}) == {}
