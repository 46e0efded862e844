"""What a picture file states about its colors, in whatever form, as an ICC profile.

In order of precedence: cICP of a PNG (by its specification it overrules all others); an ICC profile, which Pillow finds, or
which lies in a BMP or JPEG 2000, where it does not look; nclx of AVIF and HEIF; Adobe RGB that only EXIF tells; gamma and
primaries of a PNG (gAMA, cHRM; an sRGB chunk overrules them), a BMP (version 4) or a TIFF.

Colors without a meaning in sRGB (PQ and HLG, which are HDR; logarithmic ones) raise ValueError. Not read: profiles in GIF
(an application extension), a BMP's link to a profile elsewhere, gamma in TGA.

Code points: ITU-T H.273. Transfer curves are the inverse of its formulas, as littleCMS's parametric curves.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from io import BufferedIOBase
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image

D65 = (0.3127, 0.329)
_C, _DCI_WHITE = (0.310, 0.316), (0.314, 0.351)
_D50 = (0.9642, 1.0, 0.8249)  # the white of every profile
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_MOST_BYTES = 4_000_000  # of a profile; the largest in use, for printing, have 3 MB
_GRAY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L")

Chromaticities = tuple[float, ...]
"""x and y of white, red, green and blue."""
Curve = tuple[float, ...]
"""Parameters of an ICC parametric curve: g alone (type 0), or g, a, b, c, d (type 3)."""

SRGB: Chromaticities = (*D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
SRGB_CURVE: Curve = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_BT709_CURVE: Curve = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_PRIMARIES: dict[int, Chromaticities] = {
    1: SRGB,
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (*D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (*D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    11: (*_DCI_WHITE, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    22: (*D65, 0.63, 0.34, 0.295, 0.605, 0.155, 0.077),
}
_CURVES: dict[int, Curve] = {
    1: _BT709_CURVE,
    4: (2.2,),
    5: (2.8,),
    6: _BT709_CURVE,
    7: (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912),
    8: (1.0,),
    11: _BT709_CURVE,
    12: _BT709_CURVE,
    13: SRGB_CURVE,
    14: _BT709_CURVE,
    15: _BT709_CURVE,
    17: (2.6,),
}
_NO_SRGB = {9: "logarithmic", 10: "logarithmic", 16: "HDR (PQ)", 18: "HDR (HLG)"}
_JP2_SPACES = {14: "CIELab", 20: "e-sRGB", 21: "ROMM RGB", 24: "e-sYCC"}


class Coding(NamedTuple):
    """Code points of H.273. 2, unspecified, and unknown ones stand for sRGB's."""

    primaries: int
    transfer: int
    full_range: bool = True


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
    gray = image.mode in _GRAY_MODES
    if coding := _png_coding(image, file):
        if not coding.full_range:
            raise ValueError("its colors have the range of video (16 .. 235): save it as full-range sRGB")
        return _of_coding(coding, gray)
    profile = image.info.get("icc_profile") or _embedded(image, file)
    if space_of(profile):
        return profile
    if (coding := _box_coding(image, file)) and (profile := _of_coding(coding, gray)):
        return profile
    return adobe_rgb() if _is_marked_adobe_rgb(image) else _of_numbers(image, file, gray)


def space_of(profile: bytes | None) -> bytes:
    """The color space of the profile: b"GRAY", b"RGB ", b"CMYK" ...; b"" when this is not a profile."""
    return profile[16:20] if profile and profile[36:40] == b"acsp" else b""


@lru_cache(maxsize=1)
def adobe_rgb() -> bytes:
    """Adobe RGB (1998) as a matrix profile, by its published primaries (adapted to D50) and gamma 563/256."""
    colorants = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
    return _color_profile(colorants, (_parametric((563 / 256,)),) * 3)


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
            return _of_gamma(image.info.get("chromaticity", SRGB), (1 / gamma,) * 3, gray)
        if image.format == "BMP" and (head := _bmp_head(file)) and head[56:60] == bytes(4):
            points = np.frombuffer(head[60:96], "<i4").reshape(3, 3) / 2**30
            gammas = np.frombuffer(head[96:108], "<u4") / 2**16
            ends = points[:, :2] / points.sum(axis=1, keepdims=True)
            # a gamma below 1 is that of the file, which some programs write, not of the screen
            return _of_gamma((*D65, *ends.ravel().tolist()), [g if g >= 1 else 1 / g for g in gammas.tolist()], gray)
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
        return None if _are_srgb(colors) else _of_coding_parts(colors, SRGB_CURVE, gray)
    tables = np.array(steps, dtype=">u2").reshape(-1, 2 ** tags[258][0])
    sampled = tables[:, np.linspace(0, tables.shape[1] - 1, 256).round().astype(int)]
    curves = [b"curv\0\0\0\0" + struct.pack(">I", 256) + table.tobytes() for table in sampled]
    if gray:
        return _gray_profile(curves[0])
    colorants = _colorants(colors)
    return (
        None if colorants is None else _color_profile(colorants, tuple(curves if len(curves) == 3 else curves[:1] * 3))
    )


def _of_gamma(chromaticities: Sequence[float], gammas: Sequence[float], gray: bool) -> bytes | None:
    """A profile of these numbers; None where they are sRGB's or make no sense.

    A gamma of 2.2 with sRGB's primaries, or with none, is how programs mark sRGB itself.
    """
    if len(chromaticities) != 8 or not all(0.2 <= gamma <= 10 for gamma in gammas):
        return None
    if all(abs(2.2 / gamma - 1) < 0.05 for gamma in gammas) and _are_srgb(chromaticities):
        return None
    curves = tuple(_parametric((gamma,)) for gamma in gammas)
    if gray:
        return _gray_profile(curves[1])
    colorants = _colorants(tuple(chromaticities))
    return None if colorants is None else _color_profile(colorants, curves)


def _are_srgb(chromaticities: Sequence[float]) -> bool:
    return bool(np.allclose(chromaticities, SRGB, atol=2e-3))


def _of_coding(coding: Coding, gray: bool) -> bytes | None:
    """A profile of these code points; None where they are sRGB's. Raises ValueError for colors that cannot be made sRGB."""
    if what := _NO_SRGB.get(coding.transfer):
        raise ValueError(f"its colors are {what}, which sRGB cannot hold as they are: save it as sRGB")
    colors, curve = _PRIMARIES.get(coding.primaries, SRGB), _CURVES.get(coding.transfer, SRGB_CURVE)
    return None if (colors, curve) == (SRGB, SRGB_CURVE) else _of_coding_parts(colors, curve, gray)


def _of_coding_parts(colors: Chromaticities, curve: Curve, gray: bool) -> bytes | None:
    if gray:
        return None if curve == SRGB_CURVE else _gray_profile(_parametric(curve))
    colorants = _colorants(colors)
    return None if colorants is None else _color_profile(colorants, (_parametric(curve),) * 3)


def _colorants(chromaticities: Chromaticities) -> tuple[tuple[float, ...], ...] | None:
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
def _color_profile(colorants: tuple[tuple[float, ...], ...], curves: tuple[bytes, ...]) -> bytes:
    tags = {tag: b"XYZ \0\0\0\0" + _fixed(xyz) for tag, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants)}
    return _profile(b"RGB ", tags | dict(zip((b"rTRC", b"gTRC", b"bTRC"), curves)))


@lru_cache(maxsize=64)
def _gray_profile(curve: bytes) -> bytes:
    return _profile(b"GRAY", {b"kTRC": curve})


def _parametric(curve: Curve) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">Hxx", 0 if len(curve) == 1 else 3) + _fixed(curve)


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


def _fixed(values: Sequence[float]) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)
