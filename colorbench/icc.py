"""Color management: a decoded picture with an ICC profile, or marked as another space -> sRGB. littleCMS does the work.

A profile is judged by its effect, never by its name: it is left out only when it moves no color by more than 1/255,
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
_D50 = (0.9642, 1.0, 0.8249)  # the white of every profile
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_SRGB_CHROMATICITIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # x and y of white, red, green, blue


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
    """The picture's own ICC profile, Adobe RGB where only EXIF says so, what gAMA and cHRM of a PNG say, None for sRGB."""
    profile = image.info.get("icc_profile")
    if profile and _space(profile):
        return profile
    return adobe_rgb() if _is_marked_adobe_rgb(image) else _of_png_chunks(image)


@lru_cache(maxsize=1)
def adobe_rgb() -> bytes:
    """Adobe RGB (1998) as a matrix profile, by its published primaries (adapted to D50) and gamma 563/256."""
    colorants = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
    return _color_profile(colorants, 563 / 256)


def _of_png_chunks(image: Image.Image) -> bytes | None:
    """A profile of the gamma and the primaries that a PNG states; None where they are sRGB's, or not to be made sense of.

    By the PNG specification an sRGB chunk overrules both. A gamma of 1/2.2 with sRGB's primaries, or with none, is how
    programs mark sRGB itself.
    """
    gamma, chromaticities = image.info.get("gamma", 0), image.info.get("chromaticity", _SRGB_CHROMATICITIES)
    if image.format != "PNG" or "srgb" in image.info or not 0.1 <= gamma <= 5 or len(chromaticities) != 8:
        return None
    if abs(2.2 * gamma - 1) < 0.05 and np.allclose(chromaticities, _SRGB_CHROMATICITIES, atol=2e-3):
        return None
    if image.mode in ("1", "L", "LA", "I", "I;16"):
        return _gray_profile(1 / gamma)
    colorants = _colorants(tuple(chromaticities))
    return None if colorants is None else _color_profile(colorants, 1 / gamma)


def _colorants(chromaticities: tuple[float, ...]) -> tuple[tuple[float, ...], ...] | None:
    """XYZ of red, green and blue, adapted to D50 (Bradford); None where these are no primaries."""
    x, y = np.array(chromaticities).reshape(4, 2).T
    if not (y > 0).all():
        return None
    white, *primaries = np.stack([x / y, np.ones(4), (1 - x - y) / y], axis=1)
    with suppress(np.linalg.LinAlgError):
        unscaled = np.array(primaries).T
        scaled = unscaled * np.linalg.solve(unscaled, white)
        adapted = np.diag(_BRADFORD @ _D50 / (_BRADFORD @ white)) @ _BRADFORD
        found = np.linalg.solve(_BRADFORD, adapted @ scaled).T
        if np.isfinite(found).all() and np.abs(found).max() < 10:
            return tuple(map(tuple, found.tolist()))
    return None


@lru_cache(maxsize=64)
def _color_profile(colorants: tuple[tuple[float, ...], ...], gamma: float) -> bytes:
    tags = {tag: b"XYZ \0\0\0\0" + _fixed(xyz) for tag, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants)}
    return _profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma)))


@lru_cache(maxsize=64)
def _gray_profile(gamma: float) -> bytes:
    return _profile(b"GRAY", {b"kTRC": _curve(gamma)})


def _curve(gamma: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">Hxx", 0) + _fixed((gamma,))


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 4 with these tags, of a monitor."""
    text = "as stated".ljust(10).encode("utf-16-be")
    named = b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(text), 28) + text
    tags = {b"desc": named, b"cprt": named, b"wtpt": b"XYZ \0\0\0\0" + _fixed(_D50), **tags}
    place, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        table += tag + struct.pack(">II", place + len(body), len(data))
        body += data
    head = struct.pack(">I4x4s4s4s4s12x4s28x", place + len(body), b"\x04\x20\0\0", b"mntr", space, b"XYZ ", b"acsp")
    return (head + _fixed(_D50)).ljust(128, b"\0") + table + body


def _fixed(values: tuple[float, ...]) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _is_marked_adobe_rgb(image: Image.Image) -> bool:
    """Whether EXIF says so as cameras do (DCF 2.0): color space 65535 and interoperability index R03; or color space 2."""
    with suppress(Exception):  # a damaged EXIF block must not cost the photo
        exif = image.getexif()
        space = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        if space == 2:  # outside the standard, but known to exiftool
            return True
        if space == 0xFFFF:
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
    """The color space of the profile: b"GRAY", b"RGB ", b"CMYK" ...; b"" when this is not a profile."""
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
