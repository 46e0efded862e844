import pytest
import torch
import torch.nn.functional as F

from colorbench.losses import perceptual
from colorbench.losses.perceptual import recipe_of
from colorbench.tensors import PictureTooSmall

PRED = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
TARGET = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(1))
RELU = {"relu1_2": 3, "relu2_2": 8, "relu3_3": 15, "relu4_3": 22, "relu5_3": 29}
NAME = "vgg16_bn_features.pth"
CONV1 = (0, 5, 10, 17, 24)


@pytest.fixture(scope="module")
def maps(weights):
    """Every layer's map of both pictures, by torchvision's own network."""
    from torchvision import models

    network = models.vgg16(weights=None)
    state = torch.load(weights / "vgg16_features.pth", weights_only=True)
    network.load_state_dict(state, strict=False)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    every = []
    with torch.no_grad():
        for picture in (PRED, TARGET):
            x, seen = (picture - mean.view(3, 1, 1)) / std.view(3, 1, 1), []
            for layer in network.features:
                x = layer(x.clone())
                seen.append(x.clone())
            every.append(seen)
    return every


def test_presets_against_torchvision(maps):
    pred, target = maps

    def mse(name):
        return F.mse_loss(pred[RELU[name]], target[RELU[name]])

    def l1(index):
        return F.l1_loss(pred[index], target[index])

    johnson = sum(mse(name) for name in ("relu1_2", "relu2_2", "relu3_3", "relu4_3"))
    ddcolor = sum(weight * l1(index) for weight, index in zip((0.0625, 0.125, 0.25, 0.5, 1.0), CONV1))
    for settings, expected in (
        ({}, mse("relu3_3")),
        ({"preset": "johnson"}, johnson),
        ({"preset": "ddcolor", "backbone": "vgg16"}, ddcolor),
        ({"layers": ("relu1_2",), "distance": "l1", "pixel": 2.0}, l1(3) + 2 * F.l1_loss(PRED, TARGET)),
    ):
        torch.testing.assert_close(perceptual(PRED, TARGET, **settings)[0], expected, rtol=1e-4, atol=1e-5)


def test_equal_pictures_cost_nothing_and_have_a_finite_gradient(weights):
    for preset in ("mse", "johnson"):
        pred = PRED.clone().requires_grad_()
        loss = perceptual(pred, PRED, preset=preset)
        loss.sum().backward()
        assert loss.item() == 0
        assert pred.grad.isfinite().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "style"}, "known: mse, johnson, ddcolor, deoldify"),
        ({"distance": "l2"}, "known: mse, l1"),
        ({"backbone": "vgg19"}, "known: vgg16, vgg16-bn"),
        ({"weights": (1.0, 2.0)}, "1 layers and 2 weights"),
        ({"layers": ()}, "0 layers and 0 weights"),
    ],
)
def test_what_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        recipe_of(**settings)


def test_an_unknown_layer(weights):
    with pytest.raises(KeyError, match="known layers: conv1_1"):
        perceptual(PRED, TARGET, layers=("relu9_9",))


@pytest.fixture
def vgg16_bn(tmp_path, monkeypatch):
    """torchvision's network with random weights, which the losses find in the folder's file."""
    from torchvision import models

    torch.manual_seed(0)
    network = models.vgg16_bn(weights=None).features.eval()
    for norm in network.modules():  # as trained ones: none of the four is at its start
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.running_mean.normal_(0, 0.2)
            norm.running_var.uniform_(0.3, 2)
            torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
            torch.nn.init.normal_(norm.bias, 0, 0.3)
    torch.save({f"features.{key}": value for key, value in network.state_dict().items()}, tmp_path / NAME)
    monkeypatch.setenv("COLORBENCH_WEIGHTS", str(tmp_path))
    return network


def imagenet(picture):
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (picture - mean.view(3, 1, 1)) / std.view(3, 1, 1)


@torch.no_grad()
def test_ddcolor_against_torchvision(vgg16_bn):
    """Before norm and ReLU, L1, doubling weights."""
    pred, target = imagenet(PRED), imagenet(TARGET)
    expected, weights = 0.0, iter((0.0625, 0.125, 0.25, 0.5, 1.0))
    for index, layer in enumerate(vgg16_bn):
        pred, target = layer(pred.clone()), layer(target.clone())
        if index in (0, 7, 14, 24, 34):
            expected = expected + next(weights) * F.l1_loss(pred, target)
    torch.testing.assert_close(perceptual(PRED, TARGET, preset="ddcolor")[0], expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_deoldify_is_its_feature_loss(vgg16_bn):
    """Built as DeOldify builds its FeatureLoss: hooks on the modules before the last three pools, one call per picture."""
    before = [index - 1 for index, layer in enumerate(vgg16_bn) if isinstance(layer, torch.nn.MaxPool2d)][2:5]
    stored: list[torch.Tensor] = []
    hooks = [vgg16_bn[index].register_forward_hook(lambda *call: stored.append(call[2].clone())) for index in before]
    pred, target = imagenet(PRED), imagenet(TARGET)
    vgg16_bn(target.clone())
    vgg16_bn(pred.clone())
    for hook in hooks:
        hook.remove()
    losses = [F.l1_loss(pred, target)]
    losses += [F.l1_loss(found, wanted) * weight for found, wanted, weight in zip(stored[3:], stored[:3], (20, 70, 10))]
    torch.testing.assert_close(perceptual(PRED, TARGET, preset="deoldify")[0], sum(losses), rtol=1e-4, atol=1e-5)


def test_pictures_too_small_for_its_layers(weights):
    with pytest.raises(PictureTooSmall, match="perceptual with relu4_3 needs 8 px per side, got 7 x 9"):
        perceptual(PRED[..., :7, :9], TARGET[..., :7, :9], preset="johnson")
    assert perceptual(PRED[..., :8, :8], TARGET[..., :8, :8], preset="johnson").isfinite()
