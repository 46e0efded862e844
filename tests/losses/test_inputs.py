import pytest
import torch

from colorbench.losses import LOSSES, classification, l1, total_variation
from colorbench.losses.inputs import full_precision

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
