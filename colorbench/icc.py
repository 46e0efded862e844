"""Color management: a decoded picture with an ICC profile (`profiles` finds it) -> sRGB. littleCMS does the work.

A profile is judged by its effect, never by its name: it is left out only when it moves no color by more than 1/255,
as the many sRGB profiles do. A profile that does not fit the picture (gray for color, CMYK for RGB) or that littleCMS
refuses is ignored, and the picture read as sRGB. Gray that is decoded as RGB, as of WebP, is gray (`is_gray`, `as_gray`).
"""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from colorbench.profiles import space_of

_SAME = 1  # levels of 255: a profile that moves no probe by more is sRGB
_GRAY_SPREAD = 1  # levels of 255 between the channels of a gray that a lossy format stores as color
_PROBES = 17  # a grid of so many values per channel decides; every gray besides


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in mode RGB or RGBA, or L or LA when it is gray, with sRGB values.

    Args:
        image: any mode of Pillow but I and F; 16-bit gray as "I;16".
        profile: `profiles.profile_of` this picture.
    """
    if "transparency" in image.info and image.mode in ("1", "L", "I;16"):
        return _with_a_transparent_gray(image, profile)
    space = space_of(profile)
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("P", "PA", "RGBa", "YCbCr", "HSV", "RGBX") or "transparency" in image.info:
        image = image.convert("RGBA" if _has_alpha(image) else "RGB")
    if profile is not None and space == b"GRAY" and image.mode in ("1", "L", "LA", "I;16"):
        return _from_gray(image, profile)
    if image.mode == "I;16":
        image = _eight_bit(image)
    if profile is not None and space == b"RGB " and image.mode != "CMYK":
        image = image.convert("RGBA" if _has_alpha(image) else "RGB")
        return _applied(image, profile, image.mode)
    if profile is not None and space == b"CMYK" and image.mode == "CMYK":
        return _applied(image, profile, "RGB").convert("RGB")
    return image


def is_gray(image: Image.Image) -> bool:
    """Whether a picture in mode RGB or RGBA has equal channels, but for the rounding of a lossy format."""
    values = np.asarray(image)[..., :3]
    return bool((values.max(axis=2) - values.min(axis=2)).max() <= _GRAY_SPREAD)


def as_gray(image: Image.Image) -> Image.Image:
    """One channel of a gray picture in mode RGB or RGBA, with its alpha: mode L or LA."""
    image = image.convert("RGBA") if _has_alpha(image) else image
    return image.convert("LA" if image.mode == "RGBA" else "L")


def _with_a_transparent_gray(image: Image.Image, profile: bytes | None) -> Image.Image:
    """`to_srgb` of a gray picture in which one value is transparent (tRNS of a PNG)."""
    values = np.asarray(image).astype(np.uint16) * (255 if image.mode == "1" else 1)
    opaque = Image.fromarray(np.where(values == image.info["transparency"], 0, 255).astype(np.uint8))
    image = image.copy()
    del image.info["transparency"]
    color = to_srgb(image, profile).convert("RGB")
    color.putalpha(opaque)
    return color


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


def _from_gray(image: Image.Image, profile: bytes) -> Image.Image:
    alpha = image.getchannel("A") if image.mode == "LA" else None
    gray = image.getchannel("L") if image.mode == "LA" else image.convert("L") if image.mode == "1" else image
    color = _applied(gray, profile, "RGB")
    color = _eight_bit(color) if color.mode == "I;16" else color
    if alpha is None:
        return color
    color = color.convert("RGB")
    color.putalpha(alpha)
    return color


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit gray scaled by 1/257: Pillow's own `convert` takes the high byte."""
    return Image.fromarray(((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8))


def _applied(image: Image.Image, profile: bytes, target: str) -> Image.Image:
    transform = _transform(profile, image.mode, target)
    return image if transform is None else transform.apply(image)


@lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str, target: str) -> ImageCms.ImageCmsTransform | None:
    """To sRGB; None when littleCMS refuses, or when the profile does what sRGB does."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, target)
        if mode == "CMYK":
            return transform
        probe = _gray_probe(mode) if mode in ("L", "I;16") else _color_probe(mode)
        after = np.asarray(transform.apply(probe).convert("RGB")).astype(int)
    except (ImageCms.PyCMSError, OSError, TypeError):
        return None
    before = np.asarray((_eight_bit(probe) if mode == "I;16" else probe).convert("RGB"))
    return None if np.abs(after - before).max() <= _SAME else transform


def _gray_probe(mode: str) -> Image.Image:
    ramp = np.arange(256, dtype=np.uint16)[None]
    return Image.fromarray(257 * ramp if mode == "I;16" else ramp.astype(np.uint8))


def _color_probe(mode: str) -> Image.Image:
    levels = np.linspace(0, 255, _PROBES).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    grays = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    return Image.fromarray(np.concatenate([grid, grays], axis=1)).convert(mode)
