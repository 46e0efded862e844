import numpy as np
import pytest
import torch

from colorbench.metrics.shapes import PictureTooSmall, check_size, one, two

RGB = torch.rand(2, 3, 4, 4)


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (RGB[0], r"shape \(3, 4, 4\), wanted \(b, 3, h, w\): add a batch axis"),
        (RGB.movedim(1, -1), r"move channels first"),
        (RGB[:, :1], r"shape \(2, 1, 4, 4\)"),
        ((255 * RGB).byte(), r"torch.uint8, wanted float in \[0, 1\]: divide uint8 by 255"),
        (RGB > 0.5, r"torch.bool, wanted float"),
    ],
)
def test_wrong_shapes_and_dtypes_get_a_sentence(picture, sentence):
    with pytest.raises(ValueError, match=sentence):
        one(picture)


def test_arrays_are_sent_to_score():
    with pytest.raises(TypeError, match=r"pred is a ndarray, wanted a tensor: score\(\) takes arrays"):
        one.__wrapped__(np.zeros((1, 3, 4, 4))) if hasattr(one, "__wrapped__") else one(np.zeros((1, 3, 4, 4)))


def test_two_sizes_are_refused():
    with pytest.raises(ValueError, match="bring pred to the target's size first"):
        two(RGB, RGB[..., :3])


def test_small_pictures_are_refused():
    with pytest.raises(PictureTooSmall, match="ssim needs 11 px a side, got 4 x 4: score at a larger size"):
        check_size(RGB, 11, "ssim")


@pytest.mark.parametrize(
    ("given", "kept"),
    [(torch.float16, torch.float32), (torch.bfloat16, torch.float32), (torch.float64, torch.float64)],
)
def test_halves_become_float32_and_doubles_stay(given, kept):
    assert one(RGB.to(given)).dtype == kept


def test_mixed_precision_takes_the_wider():
    assert {x.dtype for x in two(RGB, RGB.double())} == {torch.float64}
