import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import color as skimage_color
from torch._subclasses.fake_tensor import FakeTensorMode

from colorbench.color import (
    lab_to_rgb,
    linear_to_rgb,
    linear_to_xyz,
    rgb_to_lab,
    rgb_to_linear,
    rgb_to_xyz,
    xyz_to_rgb,
)
from colorbench.color.srgb import _as_tensor, precise


def test_xyz_agrees_with_scikit_image(rgb):
    expected = torch.from_numpy(skimage_color.rgb2xyz(rgb.numpy(), channel_axis=1))
    torch.testing.assert_close(rgb_to_xyz(rgb), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("there", "back"), [(rgb_to_linear, linear_to_rgb), (rgb_to_xyz, xyz_to_rgb)], ids=["linear", "xyz"]
)
def test_round_trip_and_float32_error(rgb, there, back):
    middle = there(rgb)
    torch.testing.assert_close(back(middle), rgb, atol=1e-12, rtol=0)
    assert (there(rgb.float()) - there(rgb.float().double())).abs().max() < 1e-6
    assert (back(middle.float()) - back(middle.float().double())).abs().max() < 1e-6


def test_linear_light_to_xyz_is_the_second_half(rgb):
    torch.testing.assert_close(linear_to_xyz(rgb_to_linear(rgb)), rgb_to_xyz(rgb))


def test_curves_have_no_step_at_their_knees():
    for function, knee in ((rgb_to_linear, 0.04045), (linear_to_rgb, 0.0031308)):
        both_sides = (
            torch.tensor([knee - 1e-9, knee + 1e-9], dtype=torch.float64).reshape(2, 1, 1, 1).expand(-1, 3, 1, 1)
        )
        low, high = function(both_sides)[:, 0, 0, 0]
        assert abs(high - low) < 1e-6


def test_outside_the_range_the_curves_continue():
    outside = torch.tensor([-2.0, 3.0], dtype=torch.float64).reshape(2, 1, 1, 1).expand(-1, 3, 1, 1)
    assert linear_to_rgb(outside)[0, 0, 0, 0] == pytest.approx(-2 * 12.92)
    assert linear_to_rgb(outside)[1, 0, 0, 0] > 1.5


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3), st.integers(1, 5), st.integers(1, 5))
def test_any_shape_keeps_its_shape(b, h, w):
    assert rgb_to_xyz(torch.rand(b, 3, h, w)).shape == (b, 3, h, w)


def test_uint8_is_taken_directly():
    stored = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(-1, 3, -1, -1)
    torch.testing.assert_close(rgb_to_linear(stored), rgb_to_linear(stored.float() / 255), atol=0, rtol=0)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (torch.rand(3, 4, 4), r"rgb has shape \(3, 4, 4\), wanted \(b, 3, h, w\)"),
        (torch.rand(1, 4, 4, 3), "movedim"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.int64), "rgb is torch.int64, wanted uint8 .* or float in"),
    ],
)
def test_wrong_pictures_are_refused(unchecked, picture, message):
    with pytest.raises(ValueError, match=message):
        rgb_to_linear(picture)


def test_uint8_is_refused_where_it_means_nothing(unchecked):
    with pytest.raises(ValueError, match=r"XYZ is torch\.uint8, wanted float"):
        xyz_to_rgb(torch.zeros(1, 3, 2, 2, dtype=torch.uint8))


def test_precise_is_float64_on_this_device():
    assert precise(torch.zeros(1)).dtype == torch.float64


def test_the_first_conversion_in_a_process_may_be_under_another_default_device():
    _as_tensor.cache_clear()
    red = torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1)
    with torch.device("meta"):
        first = rgb_to_lab(red)
    for lab in (first, rgb_to_lab(red)):
        assert [round(value, 2) for value in lab.flatten().tolist()] == [53.24, 80.09, 67.2]


def test_vectorized_jacobians_and_fake_tensors_are_served():
    x = torch.rand(2, 3, 2, 2, dtype=torch.float64)
    jacobians = [
        torch.autograd.functional.jacobian(lambda x: lab_to_rgb(50 * x).mean((1, 2, 3)), x, vectorize=vectorize)
        for vectorize in (False, True)
    ]
    torch.testing.assert_close(*jacobians)
    fake = FakeTensorMode().from_tensor(torch.rand(2, 3, 4, 4))
    assert rgb_to_lab(fake).shape == lab_to_rgb(fake).shape == (2, 3, 4, 4)
