import numpy as np
import pytest
import torch

from colorbench.losses import build_loss, feature_matching


def test_against_numpy():
    maps = [torch.rand(2, 2, c, s, s) for c, s in ((4, 8), (8, 4), (8, 3))]
    expected = sum(np.abs(f.numpy() - w.numpy()).mean((1, 2, 3)) for f, w in maps) * 4 / 3
    np.testing.assert_allclose(feature_matching([m[0] for m in maps], [m[1] for m in maps]), expected, rtol=1e-6)


def test_lists_must_fit():
    with pytest.raises(ValueError, match="got 1 and 0"):
        feature_matching([torch.rand(1, 1, 2, 2)], [])


def test_looks_through_the_critic_of_patchgan(output, batch):
    objective = build_loss("patchgan(width=4, layers=1) + 10*feature-matching")
    assert len(objective.critics) == 1
    assert not [name for name in objective.state_dict() if name.startswith("terms.0")]  # terms.0 is feature-matching
    losses = objective(output, batch)
    network = objective.critics[0].network
    real, fake = objective.critics[0].show(output, batch)
    expected = feature_matching(network.features(fake), network.features(real)).mean().detach()
    torch.testing.assert_close(losses.parts["feature-matching"], expected)


def test_trains_a_critic_of_its_own_without_patchgan():
    assert len(build_loss("l1 + feature-matching(width=4)").critics) == 1


def test_its_settings_belong_to_patchgan_then():
    with pytest.raises(ValueError, match="give them to patchgan"):
        build_loss("patchgan + feature-matching(width=4)")


@pytest.mark.parametrize(
    "wrong", [torch.rand(1, 3, 4, 4), torch.rand(2, 3, 4, 5), torch.rand(3, 4, 4), torch.ones(2, 3, 4, 4).int()]
)
def test_maps_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError, match="wanted"):
        feature_matching([torch.rand(2, 3, 4, 4)], [wrong])
