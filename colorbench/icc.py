"""Color management: a decoded picture with an ICC profile, or marked as Adobe RGB -> sRGB. littleCMS does the work.

A profile is judged by what it does, never by its name: it is left out only when it moves no color by more than 1/255,
as the many sRGB profiles do. A profile that does not fit the picture (gray for color, CMYK for RGB) or that littleCMS
refuses is ignored, and the picture read as sRGB.
"""

import io
import struct
from contextlib import suppress
from functools import lru_cache

import numpy as np
from PIL import ExifTags, Image, ImageCms

_SAME = 1  # levels of 255: a profile that moves no probe by more is sRGB
_PROBES = 17  # a grid of so many values per channel decides; every gray besides


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in mode RGB or RGBA, or L or LA when it is gray, with sRGB values.

    Args:
        image: any mode of Pillow but I and F; 16-bit gray as "I;16".
        profile: `profile_of` this picture.
    """
    if image.mode in ("P", "PA", "RGBa", "La", "YCbCr", "HSV", "RGBX") or "transparency" in image.info:
        image = image.convert("RGBA" if _has_alpha(image) else "RGB")
    space = _space(profile)
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


def profile_of(image: Image.Image) -> bytes | None:
    """The picture's own ICC profile, Adobe RGB where only EXIF says so, None for sRGB."""
    profile = image.info.get("icc_profile")
    if profile and _space(profile):
        return profile
    return adobe_rgb() if _is_marked_adobe_rgb(image) else None


@lru_cache(maxsize=1)
def adobe_rgb() -> bytes:
    """Adobe RGB (1998) as a matrix profile, by its published primaries (adapted to D50) and gamma 563/256."""
    white = (0.9642, 1.0, 0.8249)
    colorants = {
        b"rXYZ": (0.60974, 0.31111, 0.01947),
        b"gXYZ": (0.20528, 0.62567, 0.06087),
        b"bXYZ": (0.14919, 0.06322, 0.74457),
        b"wtpt": white,
    }
    tags = {tag: b"XYZ \0\0\0\0" + _fixed(xyz) for tag, xyz in colorants.items()}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv\0\0\0\0" + struct.pack(">IHxx", 1, 563))
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", 10) + b"Adobe RGB\0" + bytes(80)
    place, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        table += tag + struct.pack(">II", place + len(body), len(data))
        body += data
    head = struct.pack(">I4x4s4s4s4s12x4s28x", place + len(body), b"\x02\x40\0\0", b"mntr", b"RGB ", b"XYZ ", b"acsp")
    return (head + _fixed(white)).ljust(128, b"\0") + table + body


def _fixed(values: tuple[float, ...]) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _is_marked_adobe_rgb(image: Image.Image) -> bool:
    """What cameras write (DCF 2.0): color space 65535, "uncalibrated", and interoperability index R03."""
    with suppress(Exception):  # a damaged EXIF block must not cost the photo
        exif = image.getexif()
        if exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace) == 0xFFFF:
            index = exif.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex)
            return str(index).strip("\0 ") == "R03"
    return False


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


def _space(profile: bytes | None) -> bytes:
    """Of which color space the profile is: b"GRAY", b"RGB ", b"CMYK" ...; b"" when this is no profile."""
    return profile[16:20] if profile and profile[36:40] == b"acsp" else b""


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
