"""Pictures for the tests of losses."""

import pytest
import torch

from colorbench.batch import Batch, Output


@pytest.fixture
def batch():
    """Two true photos of 32 px."""
    return Batch(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(3)))


@pytest.fixture
def output(batch):
    """A prediction for them; its ab is a leaf."""
    ab = 20 * torch.randn(2, 2, 32, 32, generator=torch.Generator().manual_seed(4))
    return Output.from_ab(ab.requires_grad_(), batch.lightness)
