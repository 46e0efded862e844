import importlib

import pytest
import torch

from colorbench.features import WeightsMissing, load_features
from colorbench.metrics import PictureTooSmall, lpips
from colorbench.metrics.lpips import BACKBONES, LEAST_PX

PUBLISHED = {"alex": (0.7219, 0.1376), "vgg": (0.5686, 0.4217), "squeeze": (0.7110, 0.1479)}


@pytest.mark.parametrize("net", PUBLISHED)
def test_reference_pictures(reference, read_png, net):
    truth, *preds = (read_png(reference / "lpips" / f"ex_{name}.png") for name in ("ref", "p0", "p1"))
    values = [lpips(pred, truth, net=net).item() for pred in preds]
    assert values == pytest.approx(PUBLISHED[net], abs=1e-4)


@pytest.mark.filterwarnings("ignore:The parameter 'pretrained'", "ignore:Arguments other than a weight enum")
@pytest.mark.parametrize("net", PUBLISHED)
def test_agrees_with_the_package_on_the_same_backbone(weights, pair, net):
    package = pytest.importorskip("lpips")
    theirs = package.LPIPS(pnet_rand=True, net=net, verbose=False).eval()
    backbone = load_features(BACKBONES[net])
    own = [m for m in theirs.net.modules() if isinstance(m, torch.nn.Conv2d)]
    for mine, other in zip((m for m in backbone.modules() if isinstance(m, torch.nn.Conv2d)), own, strict=True):
        other.load_state_dict(mine.state_dict())
    pred, target = pair
    expected = theirs(2 * pred - 1, 2 * target - 1).flatten()
    torch.testing.assert_close(lpips(pred, target, net=net), expected, atol=1e-4, rtol=0)
    # the trap: the package wants [-1, 1], checks nothing, and [0, 1] gives another number
    assert (theirs(pred, target).flatten() - expected).abs().max() > 1e-3


@pytest.mark.parametrize("net", PUBLISHED)
def test_gradient_is_finite_on_equal_and_constant_pictures(weights, net):
    for level in (0.0, 0.5, 1.0):
        pred = torch.full((1, 3, 32, 32), level, requires_grad=True)
        value = lpips(pred, pred.detach().clone(), net=net)
        value.sum().backward()
        assert value.item() == 0
        assert pred.grad.isfinite().all()


def test_zero_features_have_a_finite_gradient():
    """The package divides by sqrt(0) + eps: its gradient there is NaN."""
    from colorbench.metrics.lpips import _directions as directions
    from colorbench.metrics.lpips import lpips_of

    zero = torch.zeros(1, 64, 2, 2, requires_grad=True)
    other = torch.rand(1, 64, 2, 2)
    lpips_of({"relu1": directions(zero)}, {"relu1": directions(other)}, "alex").sum().backward()
    assert zero.grad.isfinite().all()


@pytest.mark.parametrize("net", PUBLISHED)
def test_without_gradients_a_few_pictures_at_a_time_give_the_same(weights, net, monkeypatch):
    draw = torch.Generator().manual_seed(2)
    pred, target = torch.rand(2, 3, 3, 40, 48, generator=draw)
    plain = lpips(pred, target, net=net)
    for largest in (1, 1 << 22):
        monkeypatch.setattr(importlib.import_module("colorbench.metrics.lpips"), "LARGEST_MAP", largest)
        with torch.no_grad():
            torch.testing.assert_close(lpips(pred, target, net=net), plain, atol=1e-6, rtol=0)


def test_bf16_autocast_changes_nothing(weights, pair):
    plain = lpips(*pair, net="squeeze")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(lpips(*pair, net="squeeze"), plain, atol=1e-5, rtol=0)


@pytest.mark.parametrize("net", PUBLISHED)
def test_the_least_size_works_and_one_less_is_refused(weights, net):
    least = LEAST_PX[net]
    assert lpips(torch.rand(1, 3, least, least), torch.rand(1, 3, least, least), net=net).isfinite().all()
    small = torch.rand(1, 3, least - 1, least)
    with pytest.raises(PictureTooSmall, match=f"lpips-{net} needs {least} px"):
        lpips(small, small, net=net)


def test_unknown_backbone_lists_the_known(pair):
    with pytest.raises(KeyError, match="known: alex, vgg, squeeze"):
        lpips(*pair, net="resnet")


def test_without_weights_one_line_says_what_to_do(no_weights, pair):
    with pytest.raises(WeightsMissing, match="COLORBENCH_WEIGHTS") as caught:
        lpips(*pair, net="alex")
    assert "\n" not in str(caught.value)
