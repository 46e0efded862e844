"""The authors' layers, written down literally, with random weights: the networks here must color as they do."""

import dataclasses
import hashlib

import pytest
import torch
from torch import nn

from colorbench.batch import Batch
from colorbench.color import ab_bins
from colorbench.features import WeightsMissing
from colorbench.generators import build_generator
from colorbench.generators.official import FILES
from colorbench.training.heads import apply_head


def conv(inputs, outputs, stride=1, dilation=1):
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=dilation, dilation=dilation, bias=True)


def triple(inputs, dilation=1):
    """Three convolutions to 512 channels; batch norm at the end only."""
    widths, relu = (inputs, 512, 512), nn.ReLU
    return nn.Sequential(
        *(layer for width in widths for layer in (conv(width, 512, dilation=dilation), relu())), nn.BatchNorm2d(512)
    )


class OfficialEccv16(nn.Module):
    def __init__(self):
        super().__init__()
        relu, norm = nn.ReLU, nn.BatchNorm2d
        self.model1 = nn.Sequential(conv(1, 64), relu(), conv(64, 64, stride=2), relu(), norm(64))
        self.model2 = nn.Sequential(conv(64, 128), relu(), conv(128, 128, stride=2), relu(), norm(128))
        self.model3 = nn.Sequential(
            conv(128, 256), relu(), conv(256, 256), relu(), conv(256, 256, stride=2), relu(), norm(256)
        )
        self.model4, self.model5, self.model6, self.model7 = triple(256), triple(512, 2), triple(512, 2), triple(512)
        self.model8 = nn.Sequential(
            nn.ConvTranspose2d(512, 256, 4, stride=2, padding=1), relu(), conv(256, 256), relu(), conv(256, 256), relu(),
            nn.Conv2d(256, 313, 1),
        )  # fmt: skip
        self.model_out = nn.Conv2d(313, 2, 1, bias=False)

    def forward(self, lightness):
        x = (lightness - 50) / 100
        for model in (self.model1, self.model2, self.model3, self.model4, self.model5, self.model6, self.model7):
            x = model(x)
        ab = self.model_out(self.model8(x).softmax(dim=1))
        return 110 * nn.functional.interpolate(ab, scale_factor=4, mode="bilinear", align_corners=False)


class OfficialSiggraph17(nn.Module):
    def __init__(self):
        super().__init__()
        relu, norm = nn.ReLU, nn.BatchNorm2d
        self.model1 = nn.Sequential(conv(4, 64), relu(), conv(64, 64), relu(), norm(64))
        self.model2 = nn.Sequential(conv(64, 128), relu(), conv(128, 128), relu(), norm(128))
        self.model3 = nn.Sequential(conv(128, 256), relu(), conv(256, 256), relu(), conv(256, 256), relu(), norm(256))
        self.model4, self.model5, self.model6, self.model7 = triple(256), triple(512, 2), triple(512, 2), triple(512)
        self.model8up = nn.Sequential(nn.ConvTranspose2d(512, 256, 4, stride=2, padding=1))
        self.model3short8 = nn.Sequential(conv(256, 256))
        self.model8 = nn.Sequential(relu(), conv(256, 256), relu(), conv(256, 256), relu(), norm(256))
        self.model9up = nn.Sequential(nn.ConvTranspose2d(256, 128, 4, stride=2, padding=1))
        self.model2short9 = nn.Sequential(conv(128, 128))
        self.model9 = nn.Sequential(relu(), conv(128, 128), relu(), norm(128))
        self.model10up = nn.Sequential(nn.ConvTranspose2d(128, 128, 4, stride=2, padding=1))
        self.model1short10 = nn.Sequential(conv(64, 128))
        self.model10 = nn.Sequential(relu(), conv(128, 128), nn.LeakyReLU(0.2))
        self.model_class = nn.Sequential(nn.Conv2d(256, 529, 1))
        self.model_out = nn.Sequential(nn.Conv2d(128, 2, 1), nn.Tanh())

    def forward(self, lightness):
        zero = torch.zeros_like(lightness)
        one = self.model1(torch.cat([(lightness - 50) / 100, zero / 110, zero / 110, zero], dim=1))
        two = self.model2(one[:, :, ::2, ::2])
        three = self.model3(two[:, :, ::2, ::2])
        seven = self.model7(self.model6(self.model5(self.model4(three[:, :, ::2, ::2]))))
        eight = self.model8(self.model8up(seven) + self.model3short8(three))
        nine = self.model9(self.model9up(eight) + self.model2short9(two))
        ten = self.model10(self.model10up(nine) + self.model1short10(one))
        return 110 * self.model_out(ten)


def randomized(network):
    """The network with random statistics and scales, so that its signal neither fades nor explodes; in eval mode."""
    draw = torch.Generator().manual_seed(1)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            fan_in = layer.weight[0].numel() if isinstance(layer, nn.Conv2d) else layer.weight.shape[0] * 4
            layer.weight.data = torch.randn(layer.weight.shape, generator=draw) * (2 / fan_in) ** 0.5
            if layer.bias is not None:
                layer.bias.data = 0.1 * torch.randn(layer.bias.shape, generator=draw)
        if isinstance(layer, nn.BatchNorm2d):
            for values, low, high in (
                (layer.weight.data, 0.5, 1.5),
                (layer.bias.data, -0.5, 0.5),
                (layer.running_mean, 0.0, 0.5),
                (layer.running_var, 0.5, 1.5),
            ):
                values.copy_(low + (high - low) * torch.rand(values.shape, generator=draw))
    return network.eval()


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """An own, empty folder of weights, and no network."""
    monkeypatch.setenv("COLORBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("COLORBENCH_DOWNLOAD_MB", "0")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    return tmp_path


@pytest.fixture
def publish(folder, monkeypatch):
    """Put a state dict where the published one is looked for, as if it were that."""

    def publish(key, network):
        path = folder / FILES[key].file_name
        torch.save(network.state_dict(), path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        monkeypatch.setitem(FILES, key, dataclasses.replace(FILES[key], sha256=digest))
        return path

    return publish


@pytest.fixture
def photo():
    coarse = torch.rand(2, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    return Batch.from_rgb(nn.functional.interpolate(coarse, (40, 48), mode="bilinear"))


@torch.no_grad()
def test_eccv16_colors_as_the_authors_layers_do(publish, photo):
    official = randomized(OfficialEccv16())
    shuffled = torch.randperm(313, generator=torch.Generator().manual_seed(2))
    official.model_out.weight.data = (ab_bins() / 110)[shuffled].T[:, :, None, None].contiguous()
    publish("eccv16", official)
    network = build_generator("eccv16", 313, pretrained="official").eval()
    expected = official(photo.lightness)
    assert expected.std() > 1, "the colors differ from place to place"
    ours = apply_head("bins", network(photo.gray), photo).ab
    torch.testing.assert_close(ours, expected, atol=1e-2, rtol=1e-3)
    assert network.pretrained == "eccv16 official"


@torch.no_grad()
def test_siggraph17_colors_as_the_authors_layers_do(publish, photo):
    official = randomized(OfficialSiggraph17())
    publish("siggraph17", official)
    network = build_generator("siggraph17", 2, pretrained="official").eval()
    expected = official(photo.lightness)
    assert 1 < expected.std() < 105
    torch.testing.assert_close(apply_head("ab", network(photo.gray), photo).ab, expected, atol=1e-2, rtol=1e-3)
    assert torch.equal(network.classes.weight, official.model_class[0].weight)
    assert network.pretrained == "siggraph17 official"


def test_another_file_is_refused_by_its_hash(folder):
    torch.save({}, folder / FILES["siggraph17"].file_name)
    with pytest.raises(WeightsMissing, match=r"has sha256 .*, the published file df00044c0a4d: replace it"):
        build_generator("siggraph17", pretrained="official")


def test_other_colors_and_absent_layers_are_refused(publish):
    official = OfficialEccv16()
    publish("eccv16", official)
    with pytest.raises(WeightsMissing, match="are not the 313 bins"):
        build_generator("eccv16", 313, pretrained="official")
    publish("siggraph17", official)
    with pytest.raises(WeightsMissing, match="holds other weights"):
        build_generator("siggraph17", pretrained="official")


def test_without_the_file_the_error_says_where_it_goes(folder):
    with pytest.raises(WeightsMissing, match=r"put colorization_release_v2-9b330a0b\.pth"):
        build_generator("eccv16", 313, pretrained="official")


@pytest.mark.parametrize(
    ("key", "options", "reason"),
    [
        ("eccv16", {"out_channels": 2, "pretrained": "official"}, "the official eccv16 needs out_channels=313, got"),
        ("siggraph17", {"width": 8, "pretrained": "official"}, "the official siggraph17 needs width=64, got width=8"),
        ("siggraph17", {"pretrained": "imagenet"}, "unknown pretrained weights 'imagenet'; known: official, or none"),
    ],
)
def test_what_the_published_weights_cannot_be_is_refused(key, options, reason):
    with pytest.raises(ValueError, match=reason):
        build_generator(key, **options)


def test_networks_are_counted_without_the_file(folder):
    with torch.device("meta"):
        assert build_generator("siggraph17", pretrained="official").pretrained == "siggraph17 official"
