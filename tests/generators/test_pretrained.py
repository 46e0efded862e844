import pytest
import torch
from torch import nn

from colorbench.generators.pretrained import (
    Frozen,
    describe_weights,
    frozen_when,
    gray_as_imagenet,
    gray_as_rgb,
    imagenet,
)


def test_a_frozen_network_neither_learns_nor_counts():
    network = nn.Sequential(Frozen(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)))).train()
    before = network[0].network[1].running_mean.clone()
    network(torch.rand(2, 1, 8, 8))
    assert torch.equal(network[0].network[1].running_mean, before)
    assert not any(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize(
    ("frozen", "pretrained", "expected"),
    [(None, None, False), (None, "imagenet", True), (True, None, True), (False, "imagenet", False)],
)
def test_frozen_exactly_when_asked_or_pretrained(frozen, pretrained, expected):
    assert isinstance(frozen_when(frozen, nn.Conv2d(1, 1, 1), pretrained), Frozen) is expected


def test_unknown_weights_are_refused():
    with pytest.raises(ValueError, match="unknown pretrained weights 'coco'; known: imagenet, or none"):
        imagenet("coco")
    assert describe_weights("vgg16", None) is None


def test_lightness_is_brought_to_imagenets_range():
    white = torch.ones(1, 1, 1, 1)
    assert gray_as_rgb(white).flatten().tolist() == pytest.approx(
        [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    )
    assert gray_as_imagenet(white).item() == pytest.approx((1 - 0.449) / 0.226)
