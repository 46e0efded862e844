"""ICC profiles made of numbers: primaries and curves, or the code points of ITU-T H.273 that stand for them.

Transfer curves are the inverse of H.273's formulas, as littleCMS's parametric curves.
"""

import struct
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt16

D65 = (0.3127, 0.329)
_C, _DCI_WHITE = (0.310, 0.316), (0.314, 0.351)
_D50 = (0.9642, 1.0, 0.8249)  # the white of every profile
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

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
_UNSPECIFIED = 2
_NO_SRGB_PRIMARIES = {10: "XYZ"}
_NO_SRGB_CURVES = {9: "logarithmic", 10: "logarithmic", 16: "HDR (PQ)", 18: "HDR (HLG)"}


class Coding(NamedTuple):
    """Code points of H.273. One that is 2, unspecified, stands for sRGB's beside one that is not."""

    primaries: int
    transfer: int
    full_range: bool = True


@lru_cache(maxsize=1)
def adobe_rgb() -> bytes:
    """Adobe RGB (1998) as a matrix profile, by its published primaries (adapted to D50) and gamma 563/256."""
    colorants = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
    return _color_profile(colorants, (_parametric((563 / 256,)),) * 3)


def profile_of_gamma(chromaticities: Sequence[float], gammas: Sequence[float], gray: bool) -> bytes | None:
    """A profile of these numbers; None where they are sRGB's or make no sense.

    A gamma of 2.2 with sRGB's primaries, or with none, is how programs mark sRGB itself.
    """
    if len(chromaticities) != 8 or not all(0.2 <= gamma <= 10 for gamma in gammas):
        return None
    if all(abs(2.2 / gamma - 1) < 0.05 for gamma in gammas) and are_srgb(chromaticities):
        return None
    return _matrix_profile(tuple(chromaticities), [_parametric((gamma,)) for gamma in gammas], gray)


def are_srgb(chromaticities: Sequence[float]) -> bool:
    """Whether these are sRGB's white and primaries, but for rounding."""
    return bool(np.allclose(chromaticities, SRGB, atol=2e-3))


def states_colors(coding: Coding) -> bool:
    """Whether these code points say anything: not both are unspecified, and none is reserved or unknown."""
    if coding.primaries in _NO_SRGB_PRIMARIES or coding.transfer in _NO_SRGB_CURVES:
        return True  # said clearly enough to be refused, whatever the other code point is
    known = coding.primaries in (_UNSPECIFIED, *_PRIMARIES) and coding.transfer in (_UNSPECIFIED, *_CURVES)
    return known and (coding.primaries, coding.transfer) != (_UNSPECIFIED, _UNSPECIFIED)


def profile_of_coding(coding: Coding, gray: bool) -> bytes | None:
    """A profile of these code points; None where they are sRGB's or state nothing.

    Raises:
        ValueError: for colors that cannot be made sRGB.
    """
    if not states_colors(coding):
        return None
    if what := _NO_SRGB_CURVES.get(coding.transfer) or _NO_SRGB_PRIMARIES.get(coding.primaries):
        raise ValueError(f"its colors are {what}, which sRGB cannot hold as they are: save it as sRGB")
    colors, curve = _PRIMARIES.get(coding.primaries, SRGB), _CURVES.get(coding.transfer, SRGB_CURVE)
    return None if (colors, curve) == (SRGB, SRGB_CURVE) else profile_of_curve(colors, curve, gray)


def profile_of_curve(colors: Chromaticities, curve: Curve, gray: bool) -> bytes | None:
    """A profile of these primaries and one curve for all channels; None where they make no sense."""
    if gray and curve == SRGB_CURVE:
        return None
    return _matrix_profile(colors, [_parametric(curve)], gray)


def profile_of_tables(colors: Chromaticities, tables: UInt16[np.ndarray, "k n"], gray: bool) -> bytes | None:
    """A profile of these primaries and a table for all channels, or for each of three; None where they make no sense."""
    head = b"curv\0\0\0\0" + struct.pack(">I", tables.shape[1])
    return _matrix_profile(colors, [head + table.astype(">u2").tobytes() for table in tables], gray)


def _matrix_profile(colors: Chromaticities, curves: list[bytes], gray: bool) -> bytes | None:
    """Of one curve, or three; a gray picture has the middle one."""
    if gray:
        return _gray_profile(curves[len(curves) // 2])
    colorants = _colorants(colors)
    return (
        None if colorants is None else _color_profile(colorants, tuple(curves if len(curves) == 3 else curves[:1] * 3))
    )


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
