import pytest
import torch

from colorbench.generators.resnet_fusion import ResnetFusion


def test_parameters(count):
    resnet18 = 11_689_512
    assert count("resnet-fusion") - resnet18 == 6_573_794
    assert count("resnet-fusion", vector="pooled") == 6_448_866 + resnet18 - 513_000


def test_the_whole_picture_is_seen_everywhere():
    """A change in one corner moves the opposite one, far beyond the convolutions' reach."""
    torch.manual_seed(0)
    network = ResnetFusion(width=16, vector="pooled").eval()
    one = torch.zeros(1, 1, 128, 128)
    other = one.clone()
    other[..., :16, :16] = 1
    with torch.no_grad():
        moved = (network(one) - network(other))[..., 112:, 112:]
    assert moved.abs().max() > 0


def test_a_frozen_resnet_stays_in_eval_mode():
    network = ResnetFusion(width=2, frozen=True).train()
    assert not network.expert.training
    assert not network.expert.network.bn1.training
    assert network.encoder.training


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "resnet19"}, "unknown encoder 'resnet19'; known encoders: resnet18, resnet34, resnet50"),
        ({"vector": "mean"}, "unknown vector 'mean'; known: scores, pooled"),
    ],
)
def test_what_it_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        ResnetFusion(**options)
