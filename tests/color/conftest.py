"""Colors of every kind."""

import pytest
import torch


@pytest.fixture
def rgb() -> torch.Tensor:
    """Random colors, saturated ones, dark ones, grays and 8-bit values, float64."""
    generator = torch.Generator().manual_seed(0)
    colors = torch.rand(6, 3, 24, 25, generator=generator, dtype=torch.float64)
    colors[1] = colors[1].round()
    colors[2] = (colors[2] * 255).round() / 255
    colors[3] *= 0.05
    colors[4] = colors[4, :1]
    colors[5, 1] *= 0.02
    return colors
