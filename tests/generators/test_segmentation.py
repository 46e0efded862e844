import pytest
import torch

from colorbench.generators import build_generator


@pytest.mark.parametrize("key", ["unet-vgg16", "unet-resnet18", "linknet"])
def test_an_unknown_encoder_lists_the_known(key):
    with pytest.raises(ValueError, match="unknown encoder 'resnet999'; known encoders: "):
        build_generator(key, encoder="resnet999")


def test_stages_below_the_depth_are_dropped(count):
    assert count("linknet", depth=3) < count("linknet", depth=4) < count("linknet", depth=5)


def test_pretrained_vgg16_holds_the_published_convolutions(vgg16_weights):
    network = build_generator("unet-vgg16", width=4, depth=3, encoder="vgg16", pretrained="imagenet")
    features = network.network.encoder.features
    assert network.pretrained == "vgg16 imagenet"
    assert torch.equal(features[0].weight, vgg16_weights["0.weight"].sum(1, keepdim=True))
    assert torch.equal(features[2].weight, vgg16_weights["2.weight"])
    assert all(p.requires_grad for p in network.parameters())
