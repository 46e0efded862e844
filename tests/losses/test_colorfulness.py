import numpy as np
import pytest
import torch

from colorbench.losses import colorfulness_loss

RGB = torch.rand(2, 3, 8, 9, generator=torch.Generator().manual_seed(0))


def by_numpy(rgb):
    r, g, b = 255 * rgb.double().numpy().transpose(1, 0, 2, 3)
    rg, yb = r - g, (r + g) / 2 - b
    axes = (1, 2)
    return np.sqrt(rg.var(axes) + yb.var(axes)) + 0.3 * np.sqrt(rg.mean(axes) ** 2 + yb.mean(axes) ** 2)


def test_against_numpy():
    np.testing.assert_allclose(colorfulness_loss(RGB), 1 - by_numpy(RGB) / 100, rtol=1e-5)
    other = RGB.flip(1) * 0.5
    expected = np.abs(by_numpy(RGB) - by_numpy(other)) / 100
    np.testing.assert_allclose(colorfulness_loss(RGB, other, two_sided=True), expected, rtol=1e-5)
    assert colorfulness_loss(RGB, RGB, two_sided=True).abs().max() == 0


def test_two_sided_needs_a_target():
    with pytest.raises(ValueError, match="compares with a target, got None"):
        colorfulness_loss(RGB, two_sided=True)
