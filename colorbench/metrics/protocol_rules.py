"""What evaluation scripts of papers are made of: how both pictures are brought to size, what is measured, how it is averaged.

`colorbench.metrics.protocols` puts these together, one row per paper. The functions here differ from the package's own metrics
on purpose: each one does what a script does, also where the script errs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from colorbench.color import rgb_to_lab
from colorbench.features.inception import INCEPTION_SIZE, resized_levels
from colorbench.features.networks import IMAGENET_MEAN, IMAGENET_STD
from colorbench.metrics.colorfulness import colorfulness, colorfulness_abs
from colorbench.metrics.lpips import lpips
from colorbench.metrics.psnr import psnr
from colorbench.metrics.ssim import ssim
from colorbench.record import finite_mean
from colorbench.tensors import check_size

UNIFORM_WINDOW_PX = 7
LEAST_SQUARED_ERROR = 1e-5  # iColoriT: no picture has more than 50 dB
LEAST_COLORFULNESS = 1.0  # ColorFormer: pictures below it are left out


@dataclass(frozen=True)
class Size:
    """How a picture is brought to the size at which it is measured.

    Args:
        text: in words.
        prepare: uint8 `(3, h, w)` on the CPU -> float `(1, 3, h', w')` in [0, 1].
    """

    text: str
    prepare: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class PerPicture:
    """A measure of every pair of pictures, and how those of all pairs become one number.

    Args:
        of: `(pred, target)` of one pair, `(1, 3, h, w)` in [0, 1] -> one or two numbers.
        total: an array `(pictures, 1 or 2)` of them -> the number that is reported.
        size: where it differs from that of the protocol.
    """

    of: Callable[[Tensor, Tensor], Tensor]
    total: Callable[[np.ndarray], float]
    size: Size | None = None


@dataclass(frozen=True)
class Frechet:
    """FID between all predictions and all photos, each folder in sizes of its own.

    Args:
        network: which Inception, as `load_features` names it.
        scaled: a picture `(1, 3, h, w)` in [0, 1] -> what the network gets, `(1, 3, 299, 299)`.
        size: where it differs from that of the protocol.
    """

    network: str
    scaled: Callable[[Tensor], Tensor]
    size: Size | None = None


Measure = PerPicture | Frechet


def _float(picture: Tensor) -> Tensor:
    return picture[None].float() / 255


def _image(picture: Tensor) -> Image.Image:
    return Image.fromarray(picture.movedim(0, -1).contiguous().numpy())


def _of_image(image: Image.Image) -> Tensor:
    return _float(torch.from_numpy(np.array(image)).movedim(-1, 0))


def _resized(picture: Tensor, side: int, filter: Image.Resampling = Image.Resampling.BILINEAR) -> Tensor:
    """Pillow's resize, which antialiases and rounds to 8 bits."""
    return _of_image(_image(picture).resize((side, side), filter))


def _cropped(picture: Tensor, side: int) -> Tensor:
    """The largest square in the middle, resized."""
    height, width = picture.shape[1:]
    short = min(height, width)
    top, left = round((height - short) / 2), round((width - short) / 2)
    return _resized(picture[:, top : top + short, left : left + short], side)


def _sampled(picture: Tensor, side: int) -> Tensor:
    """Bilinear between the nearest four pixels, as OpenCV resizes float pictures: aliases when it shrinks, rounds nothing."""
    return F.interpolate(_float(picture), (side, side), mode="bilinear", align_corners=False)


AS_THEY_ARE = Size("as they are", _float)
CROP_256 = Size("center crop, 256 px (Pillow, bilinear)", partial(_cropped, side=256))
RESIZE_256 = Size("direct resize, 256 px (Pillow, bilinear)", partial(_resized, side=256))
RESIZE_224 = Size("direct resize, 224 px (Pillow, bilinear)", partial(_resized, side=224))
BICUBIC_256 = Size(
    "direct resize, 256 px (Pillow, bicubic)", partial(_resized, side=256, filter=Image.Resampling.BICUBIC)
)
SAMPLED_256 = Size("direct resize, 256 px (OpenCV, bilinear, no antialiasing)", partial(_sampled, side=256))


def mean(values: np.ndarray) -> float:
    """Over pictures; infinite when one is."""
    return float(values[:, 0].mean())


def mean_of_finite(values: np.ndarray) -> float:
    """Over pictures whose value is finite."""
    found = finite_mean(values[:, 0])[0]
    return float("nan") if found is None else found


def mean_of_colored(values: np.ndarray) -> float:
    """Over pictures above a colorfulness of 1."""
    colored = values[values > LEAST_COLORFULNESS]
    return float(colored.mean()) if len(colored) else float("nan")


def decibels_of_mean(values: np.ndarray) -> float:
    """PSNR of the mean squared error over all pictures, of errors on [0, 1]."""
    error = values[:, 0].mean()
    return float(-10 * np.log10(error)) if error else float("inf")


def difference_of_means(values: np.ndarray) -> float:
    """Of two columns; blind to differences of single pictures that cancel."""
    first, second = values.mean(axis=0)
    return float(abs(first - second))


def _squared_error(pred: Tensor, target: Tensor) -> Tensor:
    return (pred - target).double().square().mean().reshape(1)


def _bounded_psnr(pred: Tensor, target: Tensor) -> Tensor:
    return -10 * _squared_error(pred, target).clamp_min(LEAST_SQUARED_ERROR).log10()


def _lightness_psnr(pred: Tensor, target: Tensor) -> Tensor:
    first, second = (rgb_to_lab(x)[:, :1] / 100 for x in (pred, target))
    return -10 * _squared_error(first, second).log10()


def _lightness_ssim(pred: Tensor, target: Tensor) -> Tensor:
    return uniform_ssim(*(rgb_to_lab(x)[:, :1] for x in (pred, target)), data_range=100)


def uniform_ssim(pred: Tensor, target: Tensor, *, data_range: int | float) -> Tensor:
    """SSIM as scikit-image computes it by default: windows of 7 x 7 equal weights, sample covariance, mean over channels."""
    check_size(pred, UNIFORM_WINDOW_PX, "ssim")
    x, y = pred.double(), target.double()
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = (
        F.avg_pool2d(each, UNIFORM_WINDOW_PX, stride=1) for each in (x, y, x * x, y * y, x * y)
    )
    pixels = UNIFORM_WINDOW_PX**2
    unbiased = pixels / (pixels - 1)
    variances = unbiased * (mean_xx - mean_x**2 + mean_yy - mean_y**2)
    covariance = unbiased * (mean_xy - mean_x * mean_y)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return (luminance * (2 * covariance + c2) / (variances + c2)).mean(dim=(1, 2, 3))


def _lpips_of_shifted(pred: Tensor, target: Tensor) -> Tensor:
    """LPIPS of pictures in [0, 1] where the network expects [-1, 1]."""
    return lpips((pred + 1) / 2, (target + 1) / 2, net="vgg")


def _eight_bits(rgb: Tensor) -> Tensor:
    return (rgb * 255).round() / 255


def _colorfulness_abs(pred: Tensor, target: Tensor) -> Tensor:
    return colorfulness_abs(_eight_bits(pred))


def _both_colorfulness_abs(pred: Tensor, target: Tensor) -> Tensor:
    return torch.cat([colorfulness_abs(_eight_bits(x)) for x in (pred, target)])


def _both_colorfulness(pred: Tensor, target: Tensor) -> Tensor:
    return torch.cat([colorfulness(x) for x in (pred, target)])


PSNR = PerPicture(psnr, mean)
PSNR_OF_DIFFERENT = PerPicture(psnr, mean_of_finite)
PSNR_BOUNDED = PerPicture(_bounded_psnr, mean)
PSNR_OF_MEAN_ERROR = PerPicture(_squared_error, decibels_of_mean)
PSNR_LIGHTNESS = PerPicture(_lightness_psnr, mean)
SSIM = PerPicture(ssim, mean)
SSIM_225 = PerPicture(partial(uniform_ssim, data_range=225 / 255), mean)
SSIM_255 = PerPicture(partial(uniform_ssim, data_range=1), mean)
SSIM_RANGE_2 = PerPicture(partial(uniform_ssim, data_range=2), mean)
SSIM_LIGHTNESS = PerPicture(_lightness_ssim, mean)
LPIPS_ALEX = PerPicture(partial(lpips, net="alex"), mean)
LPIPS_VGG = PerPicture(partial(lpips, net="vgg"), mean)
LPIPS_VGG_SHIFTED = PerPicture(_lpips_of_shifted, mean)
COLORFULNESS = PerPicture(lambda pred, target: colorfulness(pred), mean)
COLORFULNESS_ABS = PerPicture(_colorfulness_abs, mean)
COLORFULNESS_ABS_OF_COLORED = PerPicture(_colorfulness_abs, mean_of_colored)
DELTA_COLORFULNESS = PerPicture(_both_colorfulness, difference_of_means)
DELTA_COLORFULNESS_ABS = PerPicture(_both_colorfulness_abs, difference_of_means)


def _bilinear(picture: Tensor) -> Tensor:
    return F.interpolate(picture, (INCEPTION_SIZE, INCEPTION_SIZE), mode="bilinear", align_corners=False)


def _antialiased(rgb: Tensor) -> Tensor:
    return (resized_levels(rgb) - 128) / 128


def _aliased(rgb: Tensor) -> Tensor:
    return 2 * _bilinear(rgb) - 1


def _bicubic(rgb: Tensor) -> Tensor:
    """Pillow's bicubic filter on each channel as float, cut to 0..255, not rounded."""
    side = (INCEPTION_SIZE, INCEPTION_SIZE)
    levels = [Image.fromarray(channel.numpy()) for channel in (rgb[0].cpu() * 255).round()]
    channels = [np.array(channel.resize(side, Image.Resampling.BICUBIC)) for channel in levels]
    return ((torch.from_numpy(np.stack(channels)).clamp(0, 255) - 128) / 128)[None].to(rgb.device)


def _from_corner(rgb: Tensor) -> Tensor:
    """TensorFlow 1's bilinear resize: pixel i of the result is taken at i * old / new, not between pixel centers."""
    x = (rgb * 255).round()
    for dim in (2, 3):
        length = x.shape[dim]
        place = torch.arange(INCEPTION_SIZE, device=x.device) * (length / INCEPTION_SIZE)
        low = place.long()
        share = (place - low).reshape([-1, 1] if dim == 2 else [-1])
        first, second = x.index_select(dim, low), x.index_select(dim, (low + 1).clamp_max(length - 1))
        x = first + (second - first) * share
    return (x - 128) / 128


def _normalized_twice(x: Tensor) -> Tensor:
    """The scaling of CT2's and DDColor's scripts: that from ImageNet's mean and deviation to [-1, 1], of other numbers."""
    channels = zip((_bilinear(x) * 0.5 + 0.5).split(1, dim=1), IMAGENET_MEAN, IMAGENET_STD)
    return torch.cat([channel * (std / 0.5) + (mean - 0.5) / 0.5 for channel, mean, std in channels], dim=1)


FID = Frechet("inception", _antialiased)
FID_ALIASED = Frechet("inception", _aliased)
FID_BICUBIC = Frechet("inception", _bicubic)
FID_FROM_CORNER = Frechet("inception", _from_corner)
FID_CT2 = Frechet("inception-torchvision", lambda rgb: _normalized_twice(2 * rgb - 1))
FID_DDCOLOR = Frechet("inception-torchvision", _normalized_twice)
