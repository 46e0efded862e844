import pytest
import torch
from torch import nn

from colorbench.features.networks import ALEXNET_LAYERS, SQUEEZENET_LAYERS, VGG16_LAYERS, FeatureMaps


@pytest.fixture
def small():
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3), nn.ReLU())
    return FeatureMaps(layers, {"conv1": 0, "relu1": 1, "pool1": 2, "conv2": 3, "relu2": 4}, ("relu1", "relu2"))


def test_named_maps_in_the_order_asked_for(small):
    rgb = torch.rand(2, 3, 12, 12)
    assert list(small(rgb)) == ["relu1", "relu2"]
    maps = small(rgb, ("pool1", "conv1"))
    assert list(maps) == ["pool1", "conv1"]
    assert maps["conv1"].shape == (2, 4, 10, 10)


def test_a_convolution_survives_the_relu_behind_it(small):
    maps = small(torch.rand(1, 3, 12, 12), ("conv1", "relu1"))
    assert (maps["conv1"] < 0).any()
    torch.testing.assert_close(maps["relu1"], maps["conv1"].relu())


def test_nothing_is_computed_beyond_the_last_layer(small):
    small.features[3] = None
    assert list(small(torch.rand(1, 3, 12, 12), ("pool1",))) == ["pool1"]


def test_unknown_layers_list_the_known(small):
    with pytest.raises(KeyError, match="unknown layer 'relu9'; known layers: conv1, relu1"):
        small(torch.rand(1, 3, 12, 12), ("relu9",))


def test_it_is_frozen_and_stays_in_evaluation_mode_but_passes_gradients(small):
    small.train()
    assert not small.training
    assert not any(parameter.requires_grad for parameter in small.parameters())
    rgb = torch.rand(1, 3, 12, 12, requires_grad=True)
    small(rgb)["relu2"].sum().backward()
    assert rgb.grad.abs().sum() > 0


def test_bf16_autocast_changes_nothing(small):
    rgb = torch.rand(1, 3, 12, 12)
    plain = small(rgb)["relu2"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert small(rgb)["relu2"].dtype == torch.float32
        torch.testing.assert_close(small(rgb)["relu2"], plain)


@pytest.mark.parametrize(
    ("name", "layers"), [("alexnet", ALEXNET_LAYERS), ("vgg16", VGG16_LAYERS), ("squeezenet1_1", SQUEEZENET_LAYERS)]
)
def test_names_point_at_the_layers_they_name(name, layers):
    from torchvision import models

    with torch.device("meta"):
        features = getattr(models, name)(weights=None).features
    kinds = {"conv": nn.Conv2d, "relu": (nn.ReLU, models.squeezenet.Fire), "pool": nn.MaxPool2d}
    for layer, index in layers.items():
        assert isinstance(features[index], kinds[layer[:4]]), layer
    assert max(layers.values()) <= len(features) - 1
    if name == "vgg16":
        assert layers["relu3_3"] == 15
        assert layers["pool5"] == 30
