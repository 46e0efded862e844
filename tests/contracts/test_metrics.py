"""The promises of every row of METRICS, and one golden number each: a changed value is a new `version`."""

import math
import os
from pathlib import Path

import pytest
import torch

from colorbench.metrics import METRICS, MetricRow

PER_IMAGE = [key for key, row in METRICS.items() if row.per_image]
LARGE = ("ms-ssim", "top1-agreement")
SETS = [key for key, row in METRICS.items() if not row.per_image]

GOLDEN = {
    ("psnr", "1"): [22.0027, 21.9978],
    ("psnr-ab", "1"): [25.9238, 26.1441],
    ("ssim", "1"): [0.312748, 0.33815],
    ("ms-ssim", "2"): [0.8805, 0.891749],
    ("lpips-alex", "1"): [0.445779, 0.449366],
    ("lpips-vgg", "1"): [0.467872, 0.512843],
    ("lpips-squeeze", "1"): [0.656057, 0.617902],
    ("colorfulness", "1"): [109.01, 111.658],
    ("colorfulness-abs", "1"): [89.4102, 89.0751],
    ("colorfulness-error", "1"): [6.14948, 6.66105],
    ("colorfulness-bias", "1"): [6.14948, 6.66105],
    ("delta-e-76", "1"): [16.6195, 16.2953],
    ("delta-e-2000", "1"): [9.40071, 9.187],
    ("ab-auc", "1"): [0.896202, 0.898785],
    ("ab-auc-rebalanced", "1"): [0.905101, 0.904613],
    ("lightness-error", "1"): [4.48824, 4.6252],
    ("out-of-gamut", "1"): [0.0326059, 0.0384491],
    ("hue-bias", "1"): [0.172579, 0.292154],
    ("fid", "1"): 12.5928,
    ("kid", "2"): 14.8937,
    ("fid-hue-invariant", "1"): 12.5928,
    ("delta-cf", "1"): 1.13854,
    ("cdc", "1"): 0.417998,
}


def pictures(row: MetricRow | None = None, noise=0.08):
    """(pred, target): smooth random pictures and a noisy copy, (2, 3, side, side); as small as the row allows."""
    side = 64 if row is not None and row.key not in LARGE else 176
    draw = torch.Generator().manual_seed(0)
    target = torch.nn.functional.interpolate(torch.rand(2, 3, 9, 9, generator=draw), (side, side), mode="bilinear")
    pred = (target + noise * torch.randn(target.shape, generator=draw)).clamp(0, 1)
    return pred, target


@pytest.fixture(params=PER_IMAGE)
def row(request):
    return available(METRICS[request.param])


def available(row: MetricRow) -> MetricRow:
    """The row, or a skip when the weights it needs are not on this machine."""
    folder = os.environ.get("COLORBENCH_WEIGHTS")
    if row.needs is not None and not (folder and Path(folder).is_dir()):
        pytest.skip(f"{row.key} needs {row.needs}: set COLORBENCH_WEIGHTS")
    if folder and row.needs == "vgg16-classifier" and not list(Path(folder).glob("vgg16-*.pth")):
        pytest.skip(f"{row.key} needs torchvision's whole VGG16")
    return row


def value(row: MetricRow, pred, target):
    return row.function(pred) if row.inputs == "single" else row.function(pred, target)


@pytest.mark.parametrize("key", METRICS)
def test_the_row_is_complete(key):
    row = METRICS[key]
    assert row.key == key == key.lower().replace("_", "-")
    assert row.source
    assert row.version
    assert row.higher_is_better in (True, False, None)
    assert row.needs in (None, "alexnet", "vgg16", "squeezenet1_1", "inception", "vgg16-classifier")
    assert (row.on_features is not None) == (row.inputs == "set")


def test_one_value_an_image_in_float32(row):
    assert value(row, *pictures(row)).shape == (2,)
    assert value(row, *pictures(row)).dtype == torch.float32


def test_an_image_does_not_see_its_batch(row):
    if row.key == "ab-auc-rebalanced":
        pytest.skip("its prior is that of the pictures it is given; score() fixes it for the set")
    pred, target = pictures(row)
    torch.testing.assert_close(value(row, pred, target)[:1], value(row, pred[:1], target[:1]), atol=1e-5, rtol=1e-5)


def test_identical_is_best(row):
    if row.higher_is_better is None or row.inputs == "single":
        pytest.skip("no better or worse against the truth")
    pred, target = pictures(row)
    perfect, worse = value(row, target, target), value(row, pred, target)
    assert (perfect > worse).all() if row.higher_is_better else (perfect < worse).all()
    if not row.higher_is_better:
        assert perfect.abs().max() < 1e-5


def test_more_noise_is_worse(row):
    if row.higher_is_better is None or row.inputs == "single":
        pytest.skip("no better or worse against the truth")
    little, much = value(row, *pictures(row, noise=0.02)), value(row, *pictures(row, noise=0.3))
    assert (little > much).all() if row.higher_is_better else (little < much).all()


def test_no_nan_on_black_white_gray_and_constant_pictures(row):
    levels = torch.tensor([[0.0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [0.9, 0.1, 0.3]]).view(4, 3, 1, 1)
    photos = pictures(row)[1].repeat(2, 1, 1, 1)
    flat = levels.expand_as(photos)
    for other in (flat, flat.roll(1, dims=0), photos):
        assert not value(row, flat.contiguous(), other).isnan().any()


def test_nan_stays_nan_and_in_its_picture(row):
    """In one pixel of either picture, as a broken generator gives it; it must never count as a difference of nothing."""
    if row.key == "ab-auc-rebalanced":
        pytest.skip("its prior refuses them")
    pred, target = pictures(row)
    plain = value(row, pred, target)
    for spoiled in (0,) if row.inputs == "single" else (0, 1):
        pair = [pred.clone(), target.clone()]
        pair[spoiled][1, :, 20, 30] = torch.nan
        found = value(row, *pair)
        assert found[1].isnan()
        torch.testing.assert_close(found[:1], plain[:1], atol=1e-5, rtol=1e-5)


def test_bf16_autocast_and_half_inputs_compute_in_float32(row):
    pred, target = (x.half().float() for x in pictures(row))
    plain = value(row, pred, target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(value(row, pred, target), plain, atol=1e-5, rtol=1e-5)
    halves = value(row, pred.half(), target.half())
    assert halves.dtype == torch.float32
    torch.testing.assert_close(halves, plain, atol=1e-5, rtol=1e-5)


def test_wrong_input_is_an_error(row):
    pred, target = pictures(row)
    for wrong in (
        pred[0], pred[:, :2], pred[None], (255 * pred).int(), pred > 0.5, pred.movedim(1, -1), list(pred), pred.numpy(),
        pred.to(torch.complex64), (255 * pred).to(torch.uint16), pred[..., :0], None,
    ):  # fmt: skip
        with pytest.raises((ValueError, TypeError)):
            value(row, wrong, wrong)
    if row.inputs == "pair":
        for unlike in (pred[..., :-6], pred[:1]):
            with pytest.raises((ValueError, TypeError)):
                value(row, unlike, target)


def test_uint8_is_a_255th(row):
    levels = [(255 * x).round().byte() for x in pictures(row)]
    torch.testing.assert_close(value(row, *levels), value(row, *(x.float() / 255 for x in levels)), rtol=0, atol=0)


def test_gradients_are_finite_also_on_equal_gray_and_black_pictures(row):
    if not row.differentiable and row.needs is not None:
        pytest.skip("no gradient")
    _, photo = pictures(row)
    for target in (photo, photo[:, :1].expand_as(photo).contiguous(), torch.zeros_like(photo)):
        for start in (target, photo):
            pred = start.clone().requires_grad_()
            result = value(row, pred, target)
            if result.requires_grad:
                assert torch.autograd.grad(result.nan_to_num(posinf=0).sum(), pred)[0].isfinite().all()


def test_an_empty_batch_gives_no_values(row):
    if row.key == "ab-auc-rebalanced":
        pytest.skip("no pixels, no prior")
    empty = pictures(row)[0][:0]
    assert value(row, empty, empty).shape == (0,)


def test_golden_value(row):
    if row.key == "top1-agreement":
        pytest.skip("0 or 1")
    if row.key == "color-bleeding":
        pytest.skip("these pictures have no edges; its own test has values")
    torch.testing.assert_close(
        value(row, *pictures()), torch.tensor(GOLDEN[row.key, row.version]), atol=1e-4, rtol=2e-5
    )


@pytest.mark.parametrize("key", SETS)
def test_set_metrics_compare_features_of_two_sets(key):
    row = METRICS[key]
    draw = torch.Generator().manual_seed(0)
    near, far = torch.randn(40, 8, generator=draw), torch.randn(30, 8, generator=draw) + 1
    distance = row.on_features(near, far)
    assert isinstance(distance, float)
    assert distance > row.on_features(near, near) - 1e-6
    assert row.higher_is_better is False
    assert math.isnan(row.on_features(torch.full_like(near, torch.nan), far))
    assert distance == pytest.approx(GOLDEN[key, row.version], rel=1e-4)
