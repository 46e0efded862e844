"""The one check of shape and dtype, and that every public color and metric function makes it."""

import pytest
import torch

import colorbench as cb
from colorbench import metrics
from colorbench.batch import Batch, Output
from colorbench.tensors import PictureTooSmall, check_size, checked_floats, checked_pair, checked_rgb

RGB = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
FROM_RGB = [cb.rgb_to_linear, cb.rgb_to_xyz, cb.rgb_to_lab, cb.rgb_to_luv, Batch.from_rgb, Output.from_rgb]
FROM_FLOATS = [
    cb.linear_to_rgb, cb.linear_to_xyz, cb.xyz_to_rgb, cb.xyz_to_lab, cb.xyz_to_luv, cb.lab_to_rgb, cb.lab_to_xyz,
    cb.luv_to_rgb, cb.luv_to_xyz, metrics.out_of_gamut_lab,
]  # fmt: skip
OF_PAIRS = [
    metrics.psnr, metrics.psnr_ab, metrics.ssim, metrics.ms_ssim, metrics.lpips, metrics.colorfulness_bias,
    metrics.colorfulness_error, metrics.delta_e_76, metrics.delta_e_2000, metrics.ab_auc, metrics.ab_auc_rebalanced,
    metrics.lightness_error, metrics.top1_agreement, metrics.delta_e_76_lab, metrics.delta_e_2000_lab,
]  # fmt: skip
OF_ONE = [metrics.colorfulness, metrics.colorfulness_abs, metrics.out_of_gamut, metrics.fid, metrics.kid]

OTHER_DTYPES = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint16, torch.bool]
WRONG_SHAPES = [RGB[0], RGB[None], RGB[:, :2], RGB[:, :1], RGB.movedim(1, -1), RGB[0, 0, 0, 0]]


def called(function):
    """The function with as many arguments as it takes."""
    return (lambda x: function(x, x)) if function in (*OF_PAIRS, metrics.fid, metrics.kid) else function


@pytest.mark.parametrize("function", [*FROM_RGB, *FROM_FLOATS, *OF_PAIRS, *OF_ONE], ids=lambda f: f.__qualname__)
def test_wrong_shapes_and_dtypes_are_refused(unchecked, function):
    for dtype in OTHER_DTYPES:
        with pytest.raises(ValueError, match=rf"is {dtype}, wanted (uint8 .* or )?float"):
            called(function)((255 * RGB).to(dtype))
    for wrong in WRONG_SHAPES:
        with pytest.raises(ValueError, match=r"has shape .*, wanted \(b, 3, h, w\): add a batch axis"):
            called(function)(wrong)
    for wrong in (list(RGB), RGB.numpy(), None):
        with pytest.raises(TypeError, match=f"is a {type(wrong).__name__}, wanted a tensor"):
            called(function)(wrong)


@pytest.mark.parametrize("function", FROM_FLOATS, ids=lambda f: f.__qualname__)
def test_uint8_is_refused_where_it_means_nothing(unchecked, function):
    with pytest.raises(ValueError, match=r"is torch.uint8, wanted float"):
        function(RGB.byte())


@pytest.mark.parametrize("function", OF_PAIRS, ids=lambda f: f.__qualname__)
def test_one_picture_is_not_spread_over_four(unchecked, function):
    for unlike in (RGB[:1], RGB[..., :12]):
        with pytest.raises(ValueError, match="bring pred to the target's shape first"):
            function(unlike, RGB)


@pytest.mark.parametrize("function", FROM_RGB[:4], ids=lambda f: f.__qualname__)
def test_uint8_is_a_255th(function):
    levels = (255 * RGB).round().byte()
    assert torch.equal(function(levels), function(levels.float() / 255))


def test_a_batch_and_an_output_of_other_tensors_are_refused(unchecked):
    photos = Batch(RGB)
    for refused, reason in (
        (lambda: Output.from_ab(photos.ab[:1], photos.lightness), "ab has shape .* one prediction per photo"),
        (lambda: Output.from_ab(photos.ab[..., :8], photos.lightness), "at its size"),
        (lambda: Output.from_ab(photos.lab, photos.lightness), r"ab has shape .* wanted \(b, 2, h, w\)"),
        (lambda: Output.from_ab(photos.ab.long(), photos.lightness), "ab is torch.int64, wanted float"),
        (lambda: Output.from_ab(photos.ab, photos.lab), r"lightness has shape .* wanted \(b, 1, h, w\)"),
        (lambda: Output.from_logits(torch.zeros(1, 313, 4, 4), photos.lightness), "logits has shape .* per photo"),
        (lambda: Output.from_logits(torch.zeros(4, 313, 4), photos.lightness), r"logits .* wanted \(b, c, h, w\)"),
    ):
        with pytest.raises(ValueError, match=reason):
            refused()


@pytest.mark.parametrize(
    ("given", "kept"),
    [(torch.float16, torch.float32), (torch.bfloat16, torch.float32), (torch.float64, torch.float64)],
)
def test_halves_become_float32_and_doubles_stay(given, kept):
    assert checked_rgb(RGB.to(given)).dtype == kept
    assert checked_floats(RGB.to(given), "Lab", 3).dtype == kept


def test_of_two_precisions_the_wider_is_taken():
    assert {x.dtype for x in checked_pair(RGB, RGB.double())} == {torch.float64}
    assert {x.dtype for x in checked_pair(RGB.byte(), RGB.half())} == {torch.float32}


def test_small_pictures_are_refused():
    with pytest.raises(PictureTooSmall, match="ssim needs 17 px per side, got 16 x 16: use a larger size"):
        check_size(RGB, 17, "ssim")
