import pytest
import torch

from colorbench.features import FEATURES, WeightsMissing, bf16_features, load_classifier, load_features
from colorbench.features.load import fill


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "squeezenet1_1"])
def test_the_network_of_a_name(weights, name):
    network = load_features(name)
    assert network is load_features(name, "cpu")
    maps = network(torch.rand(1, 3, 64, 64))
    assert list(maps) == list(network.default_layers)
    assert all(x.isfinite().all() and x.min() >= 0 for x in maps.values())


@pytest.mark.parametrize("name", ["alexnet", "squeezenet1_1"])
def test_in_bf16_it_is_another_network_with_maps_in_float32(weights, name):
    plain, rgb = load_features(name), torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with bf16_features():
        network = load_features(name)
    assert load_features(name) is plain
    assert (plain.weight.dtype, network.weight.dtype) == (torch.float32, torch.bfloat16)
    for layer, found in network(rgb).items():
        assert found.dtype == torch.float32
        assert found.is_contiguous(memory_format=torch.channels_last)
        expected = plain(rgb)[layer]
        assert 0 < (found - expected).norm() < 0.05 * expected.norm()


def test_inception_is_for_scores_and_stays_in_float32(weights):
    with bf16_features():
        network = load_features("inception")
    assert network is load_features("inception")


def test_inception(weights):
    features = load_features("inception")(torch.rand(2, 3, 40, 50))
    assert features.shape == (2, 2048)
    assert features.min() >= 0


def test_unknown_names_list_the_known():
    with pytest.raises(KeyError, match="known networks: alexnet, vgg16, vgg16_bn, squeezenet1_1, inception"):
        load_features("resnet18")
    with pytest.raises(KeyError, match="known classifiers: vgg16, alexnet, squeezenet1_1"):
        load_classifier("resnet18")


@pytest.mark.parametrize("name", FEATURES)
def test_without_weights_one_line_says_how_to_get_them(no_weights, monkeypatch, name):
    monkeypatch.setenv("COLORBENCH_DOWNLOAD_MB", "0")
    with pytest.raises(WeightsMissing, match=f"{name} weights are a download of .* put .*pth") as caught:
        load_features(name)
    assert "\n" not in str(caught.value)


def test_the_wrong_file_is_refused(no_weights):
    folder = no_weights / "weights"
    folder.mkdir()
    torch.save({"other": torch.ones(1)}, folder / "alexnet_features.pth")
    with pytest.raises(WeightsMissing, match=r"holds other weights: 10 keys are absent, the first 'features.0.weight'"):
        load_features("alexnet")


def test_a_whole_classifier_file_fills_the_features(tmp_path):
    network = torch.nn.Sequential(torch.nn.Linear(2, 2))
    state = {"0.weight": torch.ones(2, 2), "0.bias": torch.ones(2), "classifier.weight": torch.ones(3)}
    fill(network, state, tmp_path)
    assert network[0].weight.sum().item() == 4


def test_a_classifier_loads_from_torchvisions_own_file(no_weights):
    from torchvision import models

    from colorbench.features.load import FEATURES as TABLE

    folder = no_weights / "weights"
    folder.mkdir()
    torch.save(models.squeezenet1_1(weights=None).state_dict(), folder / TABLE["squeezenet1_1"].file().file_name)
    logits = load_classifier("squeezenet1_1")(torch.rand(1, 3, 224, 224))
    assert logits.shape == (1, 1000)
