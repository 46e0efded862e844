import torch

from colorbench.losses.precision import full_precision


@full_precision
def product(x, y):
    return x @ y


def test_autocast_is_off_and_halves_are_promoted():
    x = torch.rand(8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
        assert product(x, x).dtype == torch.float32
        assert product(x.half(), x.bfloat16()).dtype == torch.float32
        assert product(x.double(), x.double()).dtype == torch.float64
        torch.testing.assert_close(product(x, x), x.double().matmul(x.double()).float())


def test_works_without_a_tensor():
    assert full_precision(lambda x: x + 1)(1) == 2
