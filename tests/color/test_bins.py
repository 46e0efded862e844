import zlib

import pytest
import torch

from colorbench.color import ab_bins, rgb_to_lab


def test_the_313_bins_are_the_published_ones_in_their_order():
    assert zlib.crc32(ab_bins().numpy().astype("<i2").tobytes()) == 0x60E58B8E
    counts = torch.unique(ab_bins()[:, 0], return_counts=True)[1]
    assert counts.tolist() == [5, 8, 10, 12, 14, 15, 16, 16, 17, 18, 18, 18, 19, 20, 19, 20, 20, 19, 19, 10]


@pytest.mark.parametrize(("step", "count"), [(5, 1083), (10, 313), (20, 100)])
def test_other_steps(step, count):
    bins = ab_bins(step)
    assert len(bins) == count
    assert torch.equal(bins, torch.unique(bins, dim=0))  # a, then b, ascending


def test_every_color_is_within_a_step_of_a_bin():
    colors = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    distance = torch.cdist(rgb_to_lab(colors)[0, 1:].flatten(1).T, ab_bins()).amin(1)
    assert distance.max() <= 10 / 2**0.5 + 1e-4


def test_the_caller_may_change_its_copy():
    ab_bins().zero_()
    assert ab_bins().abs().max() == 110


@pytest.mark.parametrize("step", [0, 1, 7.5, 41, -10])
def test_other_steps_are_refused(unchecked, step):
    with pytest.raises(ValueError, match="integer grid step from 2 to 40"):
        ab_bins(step)
