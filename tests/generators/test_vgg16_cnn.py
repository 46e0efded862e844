import pytest
import torch

from colorbench.generators import build_generator
from colorbench.generators.pretrained import gray_as_rgb


def test_a_frozen_encoder_leaves_the_decoder_to_train():
    with torch.device("meta"):
        network = build_generator("vgg16-cnn", frozen=True)
    trainable = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert trainable == 1_572_114
    assert not network.train().features.training


def test_without_pretraining_all_of_it_trains():
    network = build_generator("vgg16-cnn", width=4, depth=11)
    assert network.pretrained is None
    assert all(p.requires_grad for p in network.parameters())


def test_pretrained_features_are_those_of_the_perceptual_loss(vgg16_weights):
    from colorbench.features import load_features

    network = build_generator("vgg16-cnn", pretrained="imagenet")
    gray = torch.rand(1, 1, 32, 32) * 2 - 1
    features = network.features.network[:30](gray_as_rgb(gray))
    expected = load_features("vgg16")((gray.expand(-1, 3, -1, -1) + 1) / 2)
    torch.testing.assert_close(features, expected["relu5_3"], rtol=1e-4, atol=1e-4)
    assert network.pretrained == "vgg16 imagenet"
    assert not any(p.requires_grad for p in network.features.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 19}, "16 or 11 layers here, got depth=19"),
        ({"width": 2}, "width 4 or more, got 2"),
        ({"width": 8, "pretrained": "imagenet"}, "pretrained VGG16 has width 64 and depth 16, got width=8"),
        ({"width": 8, "pretrained": "places"}, "unknown pretrained weights 'places'; known: imagenet"),
    ],
)
def test_what_it_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        build_generator("vgg16-cnn", **options)
