import pytest
import torch

from colorbench.generators.sizes import at_any_size, cropped, padded


@pytest.mark.parametrize(
    ("size", "multiple", "least", "expected"),
    [
        ((16, 16), 16, 0, (16, 16)),
        ((17, 33), 16, 0, (32, 48)),
        ((16, 40), 8, 32, (32, 40)),
        ((20, 20), 32, 64, (64, 64)),
    ],
)
def test_padded_sizes(size, multiple, least, expected):
    assert padded(torch.rand(1, 1, *size), multiple, least).shape[-2:] == expected


def test_padding_repeats_the_edge_and_cropping_undoes_it():
    gray = torch.rand(2, 1, 19, 22)
    large = padded(gray, 8)
    assert torch.equal(large[..., :19, :22], gray)
    assert torch.equal(large[..., 19:, 0], gray[..., 18:, 0].expand(-1, -1, 5))
    assert torch.equal(at_any_size(lambda x: x, gray, 8), gray)


def test_cropped_at_a_stride_rounds_up():
    assert cropped(torch.rand(1, 3, 18, 20), torch.rand(1, 1, 65, 77), stride=4).shape == (1, 3, 17, 20)


def test_a_picture_below_the_least_size_is_refused_by_name():
    with pytest.raises(ValueError, match="got 12x40; pad to 16x40"):
        padded(torch.rand(1, 1, 12, 40), 8)


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, 32, 32)])
def test_other_shapes_are_refused(shape):
    # the shape checks of the tests would refuse it first: ask the undecorated function
    with pytest.raises(ValueError, match=r"\(b, 1, h, w\)"):
        getattr(padded, "__wrapped__", padded)(torch.rand(shape), 8)
