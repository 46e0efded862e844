import numpy as np
import pytest
import torch

from colorbench.losses import total_variation

AB = torch.randn(2, 2, 5, 7, generator=torch.Generator().manual_seed(0))


def test_against_numpy():
    ab = AB.double().numpy()
    expected = sum(np.abs(np.diff(ab, axis=axis)).mean((1, 2, 3)) for axis in (2, 3))
    np.testing.assert_allclose(total_variation(AB), expected, rtol=1e-6)


def test_against_piq():
    piq = pytest.importorskip("piq", reason="piq comes with the extra bench")
    square = AB[..., :5]
    expected = piq.total_variation(square, reduction="none", norm_type="l1") / (2 * 5 * 4)
    torch.testing.assert_close(total_variation(square), expected)


def test_flat_and_thin_pictures():
    assert total_variation(torch.ones(1, 2, 4, 4)).item() == 0
    assert total_variation(torch.rand(1, 2, 1, 1)).item() == 0
