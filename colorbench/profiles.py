"""What a picture file states about its colors, in whatever form, as an ICC profile.

In order of precedence: cICP of a PNG (by its specification it overrules all others, but not where its code points are
unspecified or reserved); an ICC profile, which Pillow finds, or which lies in a BMP or JPEG 2000, where it does not look; nclx
of AVIF and HEIF; Adobe RGB that only EXIF tells; gamma and primaries of a PNG (gAMA, cHRM; an sRGB chunk overrules them), a BMP
(version 4) or a TIFF.

Colors without a meaning in sRGB (PQ and HLG, which are HDR; logarithmic ones; XYZ) raise ValueError. Not read: profiles in GIF
(an application extension), a BMP's link to a profile elsewhere, gamma in TGA.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedIOBase

import numpy as np
from PIL import ExifTags, Image, ImageFile

from colorbench.matrix_profiles import (
    D65,
    SRGB,
    SRGB_CURVE,
    Coding,
    adobe_rgb,
    are_srgb,
    profile_of_coding,
    profile_of_curve,
    profile_of_gamma,
    profile_of_tables,
    states_colors,
)

_MOST_BYTES = 4_000_000  # of a profile; the largest in use, for printing, have 3 MB
_GRAY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L")

_JP2_SPACES = {14: "CIELab", 20: "e-sRGB", 21: "ROMM RGB", 24: "e-sYCC"}


def profile_of(image: Image.Image, file: BufferedIOBase | None) -> bytes | None:
    """The ICC profile of a picture's colors; None for sRGB.

    Args:
        image: opened, not yet loaded.
        file: it was opened from; None when that is gone. Its position stays.

    Raises:
        ValueError: the file states colors that cannot be made sRGB.
    """
    place = file.tell() if file else 0
    try:
        return _profile_of(image, file)
    finally:
        if file and not file.closed:  # asking for EXIF may load the picture, and close the file
            file.seek(place)


def _profile_of(image: Image.Image, file: BufferedIOBase | None) -> bytes | None:
    gray = _is_stored_gray(image)
    if coding := _png_coding(image, file):
        if not coding.full_range:
            raise ValueError("its colors have the range of video (16 .. 235): save it as full-range sRGB")
        if states_colors(coding):
            return profile_of_coding(coding, gray)
    profile = image.info.get("icc_profile") or _embedded(image, file)
    if space_of(profile):
        return profile
    if (coding := _box_coding(image, file)) and (profile := profile_of_coding(coding, gray)):
        return profile
    return adobe_rgb() if _is_marked_adobe_rgb(image) else _of_numbers(image, file, gray)


def _is_stored_gray(image: Image.Image) -> bool:
    """Whether the file has gray samples; of a PNG with 16-bit gray and alpha Pillow makes RGBA."""
    tile = image.tile[0] if isinstance(image, ImageFile.ImageFile) and image.tile else None
    return image.mode in _GRAY_MODES or (tile is not None and tile.args == "LA;16B")


def space_of(profile: bytes | None) -> bytes:
    """The color space of the profile: b"GRAY", b"RGB ", b"CMYK" ...; b"" when this is not a profile."""
    return profile[16:20] if profile and profile[36:40] == b"acsp" else b""


def _png_coding(image: Image.Image, file: BufferedIOBase | None) -> Coding | None:
    """The cICP chunk, which Pillow skips."""
    if image.format != "PNG" or not file:
        return None
    file.seek(8)
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        if kind == b"cICP" and size == 4:
            primaries, transfer, _, full_range = file.read(4)
            return Coding(primaries, transfer, bool(full_range))
        if kind in (b"IDAT", b"IEND"):
            break
        file.seek(size + 4, 1)
    return None


def _box_coding(image: Image.Image, file: BufferedIOBase | None) -> Coding | None:
    """nclx of the primary picture of an AVIF or HEIF file. Range and matrix are the decoder's business."""
    if image.format not in ("AVIF", "HEIF") or not file:
        return None
    with suppress(struct.error, IndexError):  # of a damaged file; the decoder says so if it matters
        return _nclx(_top_box(file, b"meta"))
    return None


def _nclx(meta: bytes) -> Coding | None:
    parts = dict(_boxes(meta[4:]))
    properties = dict(_boxes(parts.get(b"iprp", b"")))
    found = list(_boxes(properties.get(b"ipco", b"")))
    pitm = parts.get(b"pitm", bytes(6))
    primary = int.from_bytes(pitm[4 : 6 if pitm[0] == 0 else 8], "big")
    own = _associated(properties.get(b"ipma", bytes(8)), primary)
    for kind, content in (found[index - 1] for index in own if 0 < index <= len(found)):
        if kind == b"colr" and content[:4] == b"nclx":
            return Coding(*struct.unpack(">HH", content[4:8]))
    return None


def _associated(ipma: bytes, item: int) -> list[int]:
    """Numbers, from 1, of the properties of an item."""
    wide_id, wide_index = ipma[0] > 0, ipma[3] & 1
    at = 8
    for _ in range(int.from_bytes(ipma[4:8], "big")):
        size = 4 if wide_id else 2
        one, count = int.from_bytes(ipma[at : at + size], "big"), ipma[at + size]
        at += size + 1
        numbers = struct.unpack_from(f">{count}{'H' if wide_index else 'B'}", ipma, at)
        at += count * (2 if wide_index else 1)
        if one == item:
            return [number & (0x7FFF if wide_index else 0x7F) for number in numbers]
    return []


def _top_box(file: BufferedIOBase, wanted: bytes) -> bytes:
    """The content of the first box of this kind in a file (ISO 14496-12); empty without one."""
    file.seek(0)
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        size = struct.unpack(">Q", file.read(8))[0] - 16 if size == 1 else size - 8
        if kind == wanted:
            return file.read(size if 0 <= size <= _MOST_BYTES else _MOST_BYTES)
        if size < 0:  # to the end of the file
            break
        file.seek(size, 1)
    return b""


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each box in these bytes."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1 and at + 16 <= len(data):
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        end = len(data) if size == 0 else at + size
        if end < at + head:
            return
        yield kind, data[at + head : end]
        at = end


def _embedded(image: Image.Image, file: BufferedIOBase | None) -> bytes | None:
    """The ICC profile in a BMP (version 5) or a JPEG 2000 file."""
    if image.format == "BMP" and (head := _bmp_head(file)) and file:
        kind, (place, size) = head[56:60], struct.unpack_from("<II", head, 112) if len(head) >= 124 else (0, 0)
        if kind == b"DEBM" and 128 <= size <= _MOST_BYTES:  # "MBED" with its bytes in reverse order
            file.seek(14 + place)
            return file.read(size)
    if image.format == "JPEG2000" and file:
        stated = next((content for kind, content in _boxes(_top_box(file, b"jp2h")) if kind == b"colr"), b"")
        if stated[:1] in (b"\2", b"\3"):
            return stated[3:]
        if stated[:1] == b"\1" and (other := _JP2_SPACES.get(int.from_bytes(stated[3:7], "big"))):
            raise ValueError(f"its colors are {other} of JPEG 2000: save it as sRGB")
    return None


def _bmp_head(file: BufferedIOBase | None) -> bytes:
    """The header behind the file's own 14 bytes, of version 4 or 5; empty for older ones, which state no colors."""
    if not file:
        return b""
    file.seek(14)
    head = file.read(124)
    size = int.from_bytes(head[:4], "little")
    return head[:size] if size in (108, 124) else b""


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


def _of_numbers(image: Image.Image, file: BufferedIOBase | None, gray: bool) -> bytes | None:
    """A profile of the gamma and the primaries that the file states."""
    with suppress(Exception):  # tags and headers of arbitrary bytes; nonsense states nothing
        if image.format == "PNG" and "srgb" not in image.info and "gamma" in image.info:
            gamma = image.info["gamma"]
            return profile_of_gamma(image.info.get("chromaticity", SRGB), (1 / gamma,) * 3, gray)
        if image.format == "BMP" and (head := _bmp_head(file)) and head[56:60] == bytes(4):
            points = np.frombuffer(head[60:96], "<i4").reshape(3, 3) / 2**30
            gammas = np.frombuffer(head[96:108], "<u4") / 2**16
            ends = points[:, :2] / points.sum(axis=1, keepdims=True)
            # a gamma below 1 is that of the file, which some programs write, not of the screen
            return profile_of_gamma(
                (*D65, *ends.ravel().tolist()), [g if g >= 1 else 1 / g for g in gammas.tolist()], gray
            )
        if image.format == "TIFF":
            return _of_tiff_tags(image, gray)
    return None


def _of_tiff_tags(image: Image.Image, gray: bool) -> bytes | None:
    """WhitePoint, PrimaryChromaticities and TransferFunction of TIFF 6.0, section 20."""
    tags = getattr(image, "tag_v2", {})
    white, ends, steps = (tags.get(number) for number in (318, 319, 301))
    if not steps and (gray or not ends):
        return None
    colors = (*(map(float, white or D65)), *map(float, ends or SRGB[2:]))
    if not steps:
        return None if are_srgb(colors) else profile_of_curve(colors, SRGB_CURVE, gray)
    tables = np.array(steps, dtype=np.uint16).reshape(-1, 2 ** tags[258][0])
    sampled = tables[:, np.linspace(0, tables.shape[1] - 1, 256).round().astype(int)]
    return profile_of_tables(colors, sampled, gray)
