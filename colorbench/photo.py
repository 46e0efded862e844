"""One picture file -> uint8 sRGB, upright, on white: the only decoder in the package.

Everything that reads pictures (the store, `score`, `colorize`) comes through `decode_photo`, so all see the
same pixels: EXIF orientation applied; ICC profiles (CMYK, Display P3, Adobe RGB) made sRGB; 16-bit gray
scaled by 1/257, 16-bit color to its high byte (never clipped); palettes expanded; transparency composited on
white; animations give their first frame. What cannot be read is a `PhotoError` that says why in a sentence.
"""

import io
import math
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms, ImageOps

MAX_PIXELS = 89_478_485  # Pillow's own threshold for a decompression bomb: 0.27 GB as RGB
_DRAFT_GAP = 2  # a JPEG is decoded smaller while its sides keep twice the wanted size: Pillow's thumbnail rule

Photo8 = UInt8[np.ndarray, "h w 3"]
"""One photo as decoded: sRGB, 0..255."""


class PhotoError(ValueError):
    """This file gives no picture; the message says why."""


def decode_photo(source: str | Path | bytes, *, least_px: int | None = None, max_pixels: int = MAX_PIXELS) -> Photo8:
    """The photo as an upright sRGB array `(h, w, 3)`, uint8.

    Args:
        source: a path, or the bytes of a picture file.
        least_px: the short side that is wanted in the end. A JPEG may then be decoded at 1/2, 1/4 or 1/8 of
            its size, never below twice `least_px`: large photos decode up to ten times faster. None: in full.
        max_pixels: larger pictures are refused (after the scaled decoding of a JPEG).

    Raises:
        PhotoError: not a picture, truncated, too large, or pixels without a stated range (32-bit, float).
    """
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            if least_px is not None and image.format == "JPEG":
                image.draft(image.mode, (_DRAFT_GAP * least_px, _DRAFT_GAP * least_px))
            _check_size(image.size, max_pixels)
            image.load()
            return np.array(_to_srgb(_upright(image)))
    except (PhotoError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PhotoError(f"larger than {max_pixels / 1e6:.0f} million pixels: scale it down first") from None
    except Exception as error:  # a decoder meets arbitrary bytes: OSError, SyntaxError, struct.error, IndexError ...
        raise PhotoError(_reason(source, error)) from error


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    if math.prod(size) > max_pixels:
        raise PhotoError(
            f"{size[0]} x {size[1]} is larger than {max_pixels / 1e6:.0f} million pixels: scale it down first"
        )


def _reason(source: str | Path | bytes, error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "not a picture: its content is of no known format"
    if isinstance(error, FileNotFoundError):
        return f"no such file: {source}"
    if isinstance(error, IsADirectoryError):
        return f"a folder, not a picture: {source}"
    return f"cannot be decoded: {str(error) or type(error).__name__}"


def _upright(image: Image.Image) -> Image.Image:
    """EXIF orientation applied; unreadable EXIF counts as none."""
    with suppress(Exception):  # a damaged EXIF block must not cost the photo
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _to_srgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        image = _eight_bit(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return _on_white(_profiled(image))
    return _profiled(image).convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit gray scaled by 1/257: Pillow's own `convert` would clip it at 255, to white."""
    if image.mode == "F":
        raise PhotoError("floating-point pixels have no stated range: save it with 8 or 16 bits")
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise PhotoError("32-bit pixels have no stated range: save it with 8 or 16 bits")
    return Image.fromarray(np.rint(values / 257).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _profiled(image: Image.Image) -> Image.Image:
    """RGB and CMYK through the picture's own ICC profile; without a sound one: sRGB, Pillow's plain CMYK."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return image
    transform = _transform(profile, image.mode)
    return image if transform is None else ImageCms.applyTransform(image, transform)


@lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in (source.profile.profile_description or ""):
            return None
        target = "RGB" if mode == "CMYK" else mode
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, target)
    except (ImageCms.PyCMSError, OSError, TypeError):
        return None
