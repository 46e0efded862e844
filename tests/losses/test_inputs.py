import numpy as np
import pytest
import torch

from colorbench.batch import Batch, Output
from colorbench.color import annealed_mean, densify, hard_ab, soft_encode
from colorbench.losses import LOSSES, build_loss, class_kl, classification, feature_matching, l1, total_variation
from colorbench.losses.adversarial import wgan_penalty
from colorbench.losses.inputs import full_precision
from colorbench.losses.patchgan import PatchGan
from colorbench.metrics import ab_auc_rebalanced

PICTURES = [key for key, row in LOSSES.items() if row.term is None and row.view != "logits"]
CHANNELS = {"rgb": 3, "lab": 3, "ab": 2}
ANY_CHANNELS = ("l1", "mse", "smooth-l1", "huber", "charbonnier", "l1-siggraph17", "tv")


@full_precision
def product(x, y):
    return x @ y


def test_autocast_is_off_and_halves_are_promoted():
    x = torch.rand(8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
        assert product(x, x).dtype == torch.float32
        assert product(x.half(), x.bfloat16()).dtype == torch.float32
        assert product(x.double(), x.double()).dtype == torch.float64
        torch.testing.assert_close(product(x, x), x.double().matmul(x.double()).float())


def test_works_without_a_tensor():
    assert full_precision(lambda x: x + 1)(1) == 2


@pytest.mark.parametrize("key", PICTURES)
def test_pictures_that_do_not_fit_are_refused(key):
    loss, c = LOSSES[key].function, CHANNELS[LOSSES[key].view]
    good = torch.rand(4, c, 32, 32)
    wrong = [torch.rand(1, c, 32, 32), torch.rand(4, c, 32, 31)]
    for target in wrong:
        with pytest.raises(ValueError, match="bring pred to the target"):
            loss(good, target)
    wrong = [torch.rand(c, 32, 32), torch.rand(1, 4, c, 32, 32), good.int()]
    if key not in ANY_CHANNELS:
        wrong.append(torch.rand(4, 1, 32, 32))
    for pred in wrong:
        with pytest.raises(ValueError, match="wanted"):
            loss(pred, pred)
    with pytest.raises(TypeError, match="is a list, wanted a tensor"):
        loss([good], good)


@pytest.mark.parametrize("key", [*ANY_CHANNELS, "ssim", "colorfulness"])
def test_8_bit_pictures_are_divided_by_255(key):
    pred, target = torch.randint(0, 256, (2, 1, 3, 16, 16), dtype=torch.uint8)
    loss = LOSSES[key].function
    torch.testing.assert_close(loss(pred, target), loss(pred.float() / 255, target.float() / 255))


@pytest.mark.parametrize("key", ["histogram", "sliced-wasserstein", "delta-e-2000"])
def test_8_bit_lab_is_refused(key):
    lab = torch.zeros(1, CHANNELS[LOSSES[key].view], 16, 16, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"is torch\.uint8, wanted float"):
        LOSSES[key].function(lab, lab)


def test_8_bit_differences_do_not_wrap():
    assert total_variation(torch.tensor([3, 2], dtype=torch.uint8).reshape(1, 1, 1, 2)).item() == pytest.approx(1 / 255)


def test_a_pair_needs_a_target():
    with pytest.raises(TypeError, match="l1 compares two pictures"):
        l1(torch.rand(1, 3, 4, 4))


def test_logits_that_do_not_fit_are_refused():
    logits, ab = torch.zeros(2, 313, 4, 4), torch.zeros(2, 2, 16, 16)
    for wrong in (logits[0], logits[:, :312], logits.int()):
        with pytest.raises(ValueError, match="wanted"):
            classification(wrong, ab)
    with pytest.raises(ValueError, match="of 1 pictures, ab of 2"):
        classification(logits[:1], ab)
    with pytest.raises(ValueError, match="ab has shape"):
        classification(logits, torch.zeros(2, 3, 16, 16))


@pytest.mark.parametrize("key", [key for key in PICTURES if LOSSES[key].view == "rgb" or key in ANY_CHANNELS])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int16, torch.bool])
def test_other_whole_numbers_learn_that_8_bits_are_meant(key, dtype):
    rgb = torch.ones(1, 3, 32, 32, dtype=dtype)
    with pytest.raises(ValueError, match=r"wanted uint8 \(0 \.\. 255\) or float in \[0, 1\]"):
        LOSSES[key].function(rgb, rgb)


def test_pictures_without_channels_are_refused():
    with pytest.raises(ValueError, match="pictures without pixels"):
        l1(torch.rand(2, 0, 8, 8), torch.rand(2, 0, 8, 8))


def test_half_precision_by_keyword_is_widened_too():
    logits = torch.randn(2, 10, generator=torch.Generator().manual_seed(0)).bfloat16()
    found = class_kl(logits=logits, target_logits=logits.flip(1))
    assert found.dtype == torch.float32
    assert torch.equal(found, class_kl(logits, logits.flip(1)))


WRONG_SHARES = {
    "too few": torch.rand(100),
    "too many": torch.rand(400),
    "whole numbers": torch.ones(313, dtype=torch.int64),
    "negative": torch.full((313,), -0.1),
    "a list": [1 / 313] * 313,
    "an array": np.full(313, 1 / 313),
}


@pytest.mark.parametrize("shares", WRONG_SHARES.values(), ids=WRONG_SHARES)
def test_numbers_of_the_color_bins_that_do_not_fit_are_refused(unchecked, shares):
    message = "wanted (a tensor|float|shares)"
    with pytest.raises((ValueError, TypeError), match=message):
        classification(torch.zeros(1, 313, 2, 2), torch.ones(1, 2, 8, 8), weights=shares)
    with pytest.raises((ValueError, TypeError), match=message):
        ab_auc_rebalanced(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8), prior=shares)


@pytest.mark.parametrize("bins", [[[0.0, 0.0]] * 313, np.zeros((313, 2)), torch.zeros(313, 2, dtype=torch.int64)])
def test_bins_that_are_no_floats_are_refused(unchecked, bins):
    for decode in (annealed_mean, hard_ab):
        with pytest.raises((ValueError, TypeError), match=r"wanted (a tensor|float) \(313, 2\)"):
            decode(torch.zeros(1, 313, 2, 2), bins=bins)


@pytest.mark.parametrize(("shift", "bins"), [(400, 313), (0, 100), (-313, 313)])
def test_indices_of_another_grid_are_refused(shift, bins):
    indices, weights = soft_encode(torch.rand(1, 2, 4, 4))
    with pytest.raises(ValueError, match=f"wanted 0 .. {bins - 1}: give the number of bins"):
        densify(indices + shift, weights, bins)


def test_maps_of_critics_that_do_not_fit_are_refused(unchecked):
    maps = [torch.rand(4, 3, 8, 8), torch.rand(1, 3, 4, 4)]
    with pytest.raises(ValueError, match="feature maps are of 1 and of 4 pictures"):
        feature_matching(maps, maps)
    for wrong in (None, maps[0]):
        with pytest.raises(TypeError, match="wanted a list of feature maps"):
            feature_matching(wrong, wrong)
    critic = PatchGan(3, width=4, layers=1)
    for wrong in (torch.rand(3, 32, 32), torch.rand(1, 2, 32, 32)):
        with pytest.raises(ValueError, match=r"looks at \(b, 3, h, w\)"):
            critic(wrong)
    with pytest.raises(ValueError, match="real has shape"):
        wgan_penalty(critic, torch.rand(4, 3, 32, 32), torch.rand(1, 3, 32, 32))


def test_a_class_head_that_gave_nothing_is_named():
    batch = Batch.from_rgb(torch.rand(1, 3, 16, 16))
    output = Output.from_rgb(batch.rgb)
    output.extras["logits_529"] = None
    with pytest.raises(ValueError, match="which this one does not have"):
        build_loss("classification-529")(output, batch)
