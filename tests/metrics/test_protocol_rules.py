"""Each rule against the literal computation of the script it follows, in NumPy, scikit-image, Pillow and torchvision."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import map_coordinates
from skimage.color import rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchvision import transforms

from colorbench.features import load_features
from colorbench.metrics import protocol_rules as rule
from tests.metrics.conftest import small_photos


@pytest.fixture(scope="module")
def pictures():
    """Two pairs `(prediction, photo)` of uint8 `(h, w, 3)`."""
    return small_photos()[:2]


def value(measure, pairs):
    """A measure per picture on pairs of arrays as they are."""
    tensors = [[torch.from_numpy(x).movedim(-1, 0)[None].float() / 255 for x in pair] for pair in pairs]
    return measure.total(np.stack([measure.of(*pair).double().numpy() for pair in tensors]))


def _colorfulness(picture, absolute):
    red, green, blue = picture.astype(float).transpose(2, 0, 1)
    rg, yb = red - green, (red + green) / 2 - blue
    if absolute:
        rg, yb = abs(rg), abs(yb)
    return np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())


def _squared_error(pred, photo):
    return ((pred / 255 - photo / 255) ** 2).mean()


def _ssim(pred, photo, **settings):
    return structural_similarity(photo, pred, channel_axis=2, **settings)


def _lightness(pred, photo):
    return [rgb2lab(x)[..., 0] for x in (pred, photo)]


LITERAL = {
    "PSNR": lambda *p: peak_signal_noise_ratio(p[1], p[0]),
    "PSNR_BOUNDED": lambda *p: 20 * np.log10(1 / np.sqrt(max(_squared_error(*p), 1e-5))),
    "PSNR_LIGHTNESS": lambda *p: 20 * np.log10(100 / np.sqrt(np.subtract(*_lightness(*p)).__pow__(2).mean())),
    "SSIM": lambda *p: _ssim(*p, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255),
    "SSIM_225": lambda *p: _ssim(*p, data_range=225),
    "SSIM_255": lambda *p: _ssim(*p, data_range=255),
    "SSIM_RANGE_2": lambda *p: _ssim(p[0] / 255.0, p[1] / 255.0, data_range=2),
    "SSIM_LIGHTNESS": lambda *p: structural_similarity(*_lightness(*p), data_range=100),
    "COLORFULNESS": lambda pred, _: _colorfulness(pred, absolute=False),
    "COLORFULNESS_ABS": lambda pred, _: _colorfulness(pred, absolute=True),
}


@pytest.mark.parametrize("name", LITERAL)
def test_means_over_pictures(pictures, name):
    expected = np.mean([LITERAL[name](*pair) for pair in pictures])
    assert value(getattr(rule, name), pictures) == pytest.approx(expected, abs=2e-5, rel=2e-5)


def test_psnr_of_the_mean_error(pictures):
    expected = -10 * np.log10(np.mean([_squared_error(*pair) for pair in pictures]))
    assert value(rule.PSNR_OF_MEAN_ERROR, pictures) == pytest.approx(expected, abs=1e-4)
    assert value(rule.PSNR_OF_MEAN_ERROR, [(photo, photo) for _, photo in pictures]) == np.inf


@pytest.mark.parametrize(
    ("measure", "absolute"), [(rule.DELTA_COLORFULNESS, False), (rule.DELTA_COLORFULNESS_ABS, True)]
)
def test_the_difference_of_colorfulness_is_that_of_two_means(pictures, measure, absolute):
    means = np.mean([[_colorfulness(x, absolute) for x in pair] for pair in pictures], axis=0)
    assert value(measure, pictures) == pytest.approx(abs(means[0] - means[1]), abs=1e-3)
    swapped = [pictures[0], pictures[0][::-1]]  # one picture too colorful by what the other lacks
    assert value(measure, swapped) == pytest.approx(0, abs=1e-4)


def test_identical_pictures(pictures):
    """Infinite in the mean, left out, or 50 dB: three rules."""
    pairs = [pictures[0], (pictures[1][1], pictures[1][1])]
    assert value(rule.PSNR, pairs) == np.inf
    assert value(rule.PSNR_OF_DIFFERENT, pairs) == pytest.approx(LITERAL["PSNR"](*pairs[0]), abs=1e-4)
    assert value(rule.PSNR_BOUNDED, pairs) == pytest.approx((LITERAL["PSNR"](*pairs[0]) + 50) / 2, abs=1e-4)
    assert np.isnan(value(rule.PSNR_OF_DIFFERENT, pairs[1:]))


def test_gray_predictions_are_left_out_of_colorfulness(pictures):
    gray = np.full_like(pictures[0][1], 120)
    pairs = [pictures[0], (gray, pictures[0][1])]
    expected = _colorfulness(pictures[0][0], absolute=True)
    assert value(rule.COLORFULNESS_ABS_OF_COLORED, pairs) == pytest.approx(expected, rel=1e-5)
    assert value(rule.COLORFULNESS_ABS, pairs) == pytest.approx(expected / 2, rel=1e-5)
    assert np.isnan(value(rule.COLORFULNESS_ABS_OF_COLORED, pairs[1:]))


@pytest.mark.filterwarnings("ignore:The parameter 'pretrained'", "ignore:Arguments other than a weight enum")
def test_lpips_of_pictures_in_the_wrong_range(weights, pictures):
    package = pytest.importorskip("lpips")
    theirs = package.LPIPS(pnet_rand=True, net="vgg", verbose=False).eval()
    convolutions = (
        [m for m in x.modules() if isinstance(m, torch.nn.Conv2d)] for x in (load_features("vgg16"), theirs.net)
    )
    for mine, other in zip(*convolutions, strict=True):
        other.load_state_dict(mine.state_dict())
    pair = [torch.from_numpy(x).movedim(-1, 0)[None].float() / 255 for x in pictures[0]]
    expected = theirs(*pair).item()
    assert value(rule.LPIPS_VGG_SHIFTED, pictures[:1]) == pytest.approx(expected, abs=1e-5)
    assert abs(value(rule.LPIPS_VGG, pictures[:1]) - expected) > 1e-3


def _by_coordinates(picture, side):
    """Bilinear between pixel centers, the border repeated: what OpenCV does with float pictures."""
    height, width = picture.shape[:2]
    rows, columns = ((np.arange(side) + 0.5) * length / side - 0.5 for length in (height, width))
    places = np.meshgrid(rows, columns, indexing="ij")
    planes = (picture / 255.0).transpose(2, 0, 1)
    return np.stack([map_coordinates(plane, places, order=1, mode="nearest") for plane in planes], axis=-1)


def _by_torchvision(picture, *steps):
    return np.array(transforms.Compose(steps)(Image.fromarray(picture))) / 255.0


SIZES = {
    "AS_THEY_ARE": lambda x: x / 255.0,
    "CROP_256": lambda x: _by_torchvision(x, transforms.CenterCrop(min(x.shape[:2])), transforms.Resize(256)),
    "RESIZE_256": lambda x: _by_torchvision(x, transforms.Resize([256, 256])),
    "RESIZE_224": lambda x: _by_torchvision(x, transforms.Resize((224, 224))),
    "BICUBIC_256": lambda x: np.array(Image.fromarray(x).resize([256, 256])) / 255.0,
    "SAMPLED_256": lambda x: _by_coordinates(x, 256),
}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("shape", [(61, 90), (301, 280), (256, 256)])
def test_sizes(name, shape):
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    prepared = getattr(rule, name).prepare(torch.from_numpy(picture).movedim(-1, 0))
    np.testing.assert_allclose(prepared[0].movedim(0, -1).numpy(), SIZES[name](picture), atol=2e-5)


def _of_pillow(picture, filter):
    channels = [Image.fromarray(channel.astype(np.float32)) for channel in picture.transpose(2, 0, 1)]
    return np.stack([np.array(channel.resize((299, 299), filter)) for channel in channels], axis=-1)


def _of_tensorflow(picture):
    compat = pytest.importorskip("torch_fidelity.interpolate_compat_tensorflow")
    levels = torch.from_numpy(picture).movedim(-1, 0)[None].float()
    resized = compat.interpolate_bilinear_2d_like_tensorflow1x(levels, size=(299, 299), align_corners=False)
    return (resized[0].movedim(0, -1).numpy() - 128) / 128


def _of_ct2(picture, low):
    x = _by_coordinates(picture, 299) * (1 - low) + low
    x = x * 0.5 + 0.5
    for channel, (mean, std) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):
        x[..., channel] = x[..., channel] * (std / 0.5) + (mean - 0.5) / 0.5
    return x


INCEPTION_INPUTS = {
    "FID": lambda x: (_of_pillow(x, Image.Resampling.BILINEAR) - 128) / 128,
    "FID_ALIASED": lambda x: 2 * _by_coordinates(x, 299) - 1,
    "FID_BICUBIC": lambda x: (_of_pillow(x, Image.Resampling.BICUBIC).clip(0, 255) - 128) / 128,
    "FID_FROM_CORNER": _of_tensorflow,
    "FID_CT2": lambda x: _of_ct2(x, low=-1),
    "FID_DDCOLOR": lambda x: _of_ct2(x, low=0),
}


@pytest.mark.parametrize("name", INCEPTION_INPUTS)
@pytest.mark.parametrize("shape", [(61, 90), (400, 311), (299, 299)])
def test_what_inception_gets(name, shape):
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    given = getattr(rule, name).scaled(torch.from_numpy(picture).movedim(-1, 0)[None].float() / 255)
    np.testing.assert_allclose(given[0].movedim(0, -1).numpy(), INCEPTION_INPUTS[name](picture), atol=2e-4)


def test_every_rule_has_its_literal_computation():
    tested = {*LITERAL, *SIZES, *INCEPTION_INPUTS, "PSNR_OF_MEAN_ERROR", "PSNR_OF_DIFFERENT", "DELTA_COLORFULNESS"}
    tested |= {"DELTA_COLORFULNESS_ABS", "COLORFULNESS_ABS_OF_COLORED", "LPIPS_VGG_SHIFTED"}
    tested |= {"LPIPS_ALEX", "LPIPS_VGG"}  # the package's own, tested beside it
    rules = {name for name, x in vars(rule).items() if isinstance(x, rule.Size | rule.PerPicture | rule.Frechet)}
    assert rules == tested
