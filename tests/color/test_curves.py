import numpy as np
import pytest
import torch
from torch.autograd import forward_ad

from colorbench.color.curves import PowerCurve, affine, power
from colorbench.color.lab import cube, cube_root
from colorbench.color.srgb import decode_gamma, encode_gamma

REFERENCES = {
    "decode": (
        decode_gamma,
        lambda x: np.where(x > 0.04045, (np.maximum(x, 0) / 1.055 + 0.055 / 1.055) ** 2.4, x / 12.92),
    ),
    "encode": (
        encode_gamma,
        lambda x: np.where(x > 0.0031308, 1.055 * np.maximum(x, 0) ** (1 / 2.4) - 0.055, 12.92 * x),
    ),
    "cube root": (cube_root, lambda x: np.where(x > (6 / 29) ** 3, np.cbrt(x), x / (3 * (6 / 29) ** 2) + 4 / 29)),
    "cube": (lambda x: cube(x.clone()), lambda x: np.where(x > 6 / 29, x**3, 3 * (6 / 29) ** 2 * (x - 4 / 29))),
}
CURVES = pytest.mark.parametrize("name", REFERENCES)


@CURVES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("recorded", [False, True])
def test_values(name, dtype, recorded):
    curve, reference = REFERENCES[name]
    x = torch.linspace(-2, 3, 10007, dtype=dtype).requires_grad_(recorded)
    expected = reference(x.detach().double().numpy())
    tolerance = 6e-7 if dtype == torch.float32 else 2e-15
    assert np.abs(curve(x).detach().double().numpy() - expected).max() < tolerance * np.abs(expected).max()


@CURVES
@pytest.mark.parametrize("recorded", [False, True])
def test_the_ends_of_the_range_and_what_is_no_number(name, recorded):
    curve, reference = REFERENCES[name]
    x = torch.tensor([0.0, 1.0, float("nan"), float("inf"), float("-inf")], requires_grad=recorded)
    values = curve(x).detach().double()
    torch.testing.assert_close(values[:2], torch.from_numpy(reference(np.array([0.0, 1.0]))), rtol=0, atol=1e-7)
    assert not values[2:].isfinite().any()


@CURVES
def test_gradients_of_every_kind(name):
    """Backward, twice, forward and under vmap, on both sides of the knee."""
    curve, _ = REFERENCES[name]
    x = torch.tensor([-0.7, 0.001, 0.3, 0.9, 1.4], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(curve, x, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(curve, x)
    slopes = torch.autograd.grad(curve(x).sum(), x)[0]
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(curve))(x.detach()), slopes)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(curve(forward_ad.make_dual(x.detach(), torch.ones_like(x)))).tangent
    torch.testing.assert_close(tangent, slopes)


@CURVES
def test_the_slope_is_finite_everywhere(name):
    curve, _ = REFERENCES[name]
    x = torch.tensor([-50.0, -0.055, 0.0, 1e-30, 0.0031308, 0.04045, (6 / 29) ** 3, 6 / 29, 50.0], requires_grad=True)
    first = torch.autograd.grad(curve(x).sum(), x, create_graph=True)[0]
    assert first.isfinite().all()
    assert torch.autograd.grad(first.sum(), x)[0].isfinite().all()


@pytest.mark.parametrize(("exponent", "least"), [(2.4, 0.09), (1 / 2.4, 0.003), (1 / 3, 0.008)])
def test_powers_are_as_exact_as_promised(exponent, least):
    x = torch.linspace(least, 1, 100003)
    expected = x.double() ** exponent
    assert ((power(x.clone(), exponent) - expected) / expected).abs().max() < 8e-7


def test_a_straight_line_costs_one_pass_or_none():
    x = torch.rand(5)
    assert affine(x, 1.0, 0.0) is x
    torch.testing.assert_close(affine(x, 2.0, -0.5), 2 * x - 0.5)


def test_a_curve_leaves_its_input_alone():
    x = torch.rand(4, 3)
    before = x.clone()
    PowerCurve(knee=0.1, exponent=2.0, below=(0.2, 0.0))(x)
    assert torch.equal(x, before)
