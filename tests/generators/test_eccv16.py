import pytest
import torch

from colorbench.generators.eccv16 import Eccv16


def test_parameters(count):
    assert count("eccv16") == 32_235_385


@pytest.mark.parametrize(("size", "expected"), [((64, 64), (16, 16)), ((65, 78), (17, 20))])
def test_logits_come_at_a_quarter_of_the_size(size, expected):
    """As many positions as ab[::4, ::4], to which the classification loss compares them."""
    gray = torch.rand(1, 1, *size)
    assert Eccv16(width=2)(gray).shape == (1, 313, *expected)
    assert gray[..., ::4, ::4].shape[-2:] == expected
