import numpy as np
import pytest
import torch
from scipy import special

from colorbench.losses import charbonnier, huber, l1, l1_siggraph17, mse, smooth_l1, total_variation

PRED = torch.rand(2, 2, 5, 7, generator=torch.Generator().manual_seed(0)) * 0.1
TARGET = torch.rand(2, 2, 5, 7, generator=torch.Generator().manual_seed(1)) * 0.1
AB = torch.randn(2, 2, 5, 7, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("loss", "settings", "expected"),
    [
        (l1, {}, np.abs),
        (mse, {}, np.square),
        (smooth_l1, {"beta": 0.02}, lambda d: special.huber(0.02, d) / 0.02),
        (huber, {"delta": 0.02}, lambda d: special.huber(0.02, d)),
        (charbonnier, {"eps": 0.01}, lambda d: np.hypot(d, 0.01)),
        (l1_siggraph17, {}, lambda d: 2 * special.huber(1 / 110, d)),  # the sum of two channels
        (l1_siggraph17, {"slope_one": True}, lambda d: 220 * special.huber(1 / 110, d)),
    ],
)
def test_against_numpy_and_scipy(loss, settings, expected):
    difference = (PRED - TARGET).double().numpy()
    np.testing.assert_allclose(loss(PRED, TARGET, **settings), expected(difference).mean((1, 2, 3)), rtol=1e-5)


def test_golden_values():
    zero, half = torch.zeros(1, 2, 3, 3), torch.full((1, 2, 3, 3), 0.5)
    values = [loss(zero, half).item() for loss in (l1, mse, smooth_l1, huber, charbonnier, l1_siggraph17)]
    np.testing.assert_allclose(values, [0.5, 0.25, 0.125, 0.125, 0.500001, 2 / 110 * (0.5 - 0.5 / 110)], rtol=1e-6)


@pytest.mark.parametrize("loss", [smooth_l1, huber, charbonnier, l1_siggraph17])
def test_settings_are_positive(loss):
    name = {smooth_l1: "beta", charbonnier: "eps"}.get(loss, "delta")
    with pytest.raises(ValueError, match=f"{name} must be above 0, got 0"):
        loss(PRED, TARGET, **{name: 0.0})


def test_total_variation_against_numpy():
    ab = AB.double().numpy()
    expected = sum(np.abs(np.diff(ab, axis=axis)).mean((1, 2, 3)) for axis in (2, 3))
    np.testing.assert_allclose(total_variation(AB), expected, rtol=1e-6)


def test_total_variation_against_piq():
    piq = pytest.importorskip("piq", reason="piq comes with the extra bench")
    square = AB[..., :5]
    expected = piq.total_variation(square, reduction="none", norm_type="l1") / (2 * 5 * 4)
    torch.testing.assert_close(total_variation(square), expected)


def test_total_variation_of_flat_and_thin_pictures():
    assert total_variation(torch.ones(1, 2, 4, 4)).item() == 0
    assert total_variation(torch.rand(1, 2, 1, 1)).item() == 0
