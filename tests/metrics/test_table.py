"""METRICS: a row's fast way over a pair is its plain function; the contracts ask every row for the rest."""

import inspect

import pytest
import torch

from colorbench.metrics import METRICS
from colorbench.metrics.pair import Pair
from colorbench.tensors import PictureTooSmall
from tests.contracts.test_metrics import available, pictures, value

SHARED = [key for key, row in METRICS.items() if row.on_pair is not None]


@pytest.fixture(scope="module")
def pair():
    """One pair for all rows: what they share (Lab, structure, features) is computed once and must serve all."""
    return Pair(*pictures())


@pytest.mark.parametrize("key", SHARED)
def test_the_way_over_a_pair_gives_the_functions_value(key, pair):
    row = available(METRICS[key])
    torch.testing.assert_close(row.of_pair(pair), value(row, *pictures()), atol=2e-5, rtol=2e-5)


def test_what_looks_at_one_picture_takes_one():
    for row in METRICS.values():
        if row.inputs == "single":
            assert "target" not in inspect.signature(row.function).parameters


def test_ms_ssim_of_small_pictures_is_refused_over_a_pair_too():
    small = Pair(*(torch.rand(1, 3, 64, 64) for _ in range(2)))
    with pytest.raises(PictureTooSmall, match="ms-ssim needs 161 px per side, got 64 x 64"):
        METRICS["ms-ssim"].of_pair(small)
