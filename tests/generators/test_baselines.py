import pytest
import torch

from colorbench.batch import Batch
from colorbench.color import ab_bins
from colorbench.generators import BASELINES

OF_PHOTOS = {key: row for key, row in BASELINES.items() if not row.needs_truth}


@pytest.fixture
def context():
    torch.manual_seed(0)
    batch = Batch.from_rgb(torch.rand(2, 3, 22, 17))
    return batch, {"mean_ab": torch.tensor([3.0, -4.0]), "other_ab": batch.ab.flip(0)}


@pytest.mark.parametrize("key", OF_PHOTOS)
def test_each_gives_ab_of_the_photos(key, context):
    batch, more = context
    ab = BASELINES[key].function(batch, **more)
    assert ab.shape == batch.ab.shape
    assert ab.dtype == torch.float32
    assert ab.isfinite().all()


def test_gray_mean_and_shuffled_are_what_they_say(context):
    batch, more = context
    assert BASELINES["gray"].function(batch, **more).abs().max() == 0
    assert BASELINES["mean-ab"].function(batch, **more)[1, :, 3, 5].tolist() == [3.0, -4.0]
    assert torch.equal(BASELINES["shuffled-ab"].function(batch, **more), more["other_ab"])


def test_a_quarter_keeps_even_colors_and_means():
    batch = Batch.from_rgb(torch.tensor([0.8, 0.3, 0.2]).view(1, 3, 1, 1).expand(1, 3, 16, 16))
    ab = BASELINES["oracle-quarter"].function(batch, mean_ab=torch.zeros(2), other_ab=batch.ab)
    torch.testing.assert_close(ab, batch.ab)


def test_bins_are_the_nearest_ones(context):
    batch, more = context
    ab = BASELINES["oracle-bins"].function(batch, **more)
    distance = torch.cdist(batch.ab.permute(0, 2, 3, 1).reshape(-1, 2), ab_bins().float())
    nearest = distance.min(1).values
    torch.testing.assert_close((ab - batch.ab).norm(dim=1).flatten(), nearest, rtol=1e-3, atol=1e-3)


def test_only_oracles_look_at_the_truth(context):
    batch, more = context
    other = Batch(1 - batch.rgb)
    looks = {
        key
        for key, row in OF_PHOTOS.items()
        if not torch.equal(row.function(batch, **more), row.function(other, **more))
    }
    assert looks == {"oracle-quarter", "oracle-bins"}


def test_other_ab_must_fit(context):
    batch, more = context
    with pytest.raises(ValueError, match="other_ab has shape"):
        BASELINES["shuffled-ab"].function(batch, **{**more, "other_ab": batch.ab[:1]})
