"""One picture file -> uint8 sRGB, upright, on white: the only decoder in the package.

Everything that reads pictures (the store, `score`, `colorize`, `retest`) uses `decode_photo`, so all see the same
pixels: EXIF orientation applied; colors made sRGB (`profiles.py`, `icc.py`); 16-bit gray scaled by 1/257, 16-bit color to its
high byte (never clipped); palettes expanded; transparency composited on white; animations give their first frame.
A file that cannot be read raises `PhotoError` with the reason; a truncated file is never read in part.

Only the formats in FORMATS are opened, whatever a file is called. Sizes are checked before anything is decoded: a
picture takes at most 2 GB of memory on its way.
"""

import io
import math
import os
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from colorbench.files import printable
from colorbench.icc import as_gray, is_gray, to_srgb
from colorbench.profiles import profile_of, space_of

MAX_PIXELS = 89_478_485  # Pillow's own threshold for a decompression bomb: 0.27 GB as RGB
MOST_FILE_BYTES = 1_000_000_000  # of a file: the largest picture that is decoded has 0.7 GB uncompressed, in 16 bits
DECODER = 5  # counts the changes of decoded pixels; part of a store's name
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "JPEG2000", "AVIF", "HEIF", "TGA")
"""As Pillow calls them. MPO is read as JPEG, HEIF by pillow-heif where installed; TGA has no signature: it is last."""

_MOST_BYTES = 1_800_000_000  # below 2 GB, with room for the file itself
_BYTES_PER_PIXEL = {"JPEG2000": 26, "HEIF": 24}  # at the peak of decoding; of the others WebP takes most, 17
_OTHER_BYTES_PER_PIXEL = 20
_LARGE_BYTES = 500_000_000  # only one picture that needs more is decoded at a time, whatever the number of threads
_large = Lock()
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_DRAFT_GAP = 2  # a JPEG is decoded smaller while its sides keep twice the wanted size: Pillow's thumbnail rule
_STRIP_PIXELS = 2**21  # so many pixels at a time are made sRGB
_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda photo: photo[:, ::-1],
    3: lambda photo: photo[::-1, ::-1],
    4: lambda photo: photo[::-1],
    5: lambda photo: photo.swapaxes(0, 1),
    6: lambda photo: photo[::-1].swapaxes(0, 1),
    7: lambda photo: photo[::-1, ::-1].swapaxes(0, 1),
    8: lambda photo: photo[:, ::-1].swapaxes(0, 1),
}  # by EXIF orientation

Photo8 = UInt8[np.ndarray, "h w 3"]
"""One photo as decoded: sRGB, 0..255."""


BinaryFile = io.BytesIO | io.BufferedReader


class PhotoError(ValueError):
    """The file cannot be read as a picture; the message says why."""


def decode_photo(source: str | Path | bytes, *, least_px: int | None = None) -> Photo8:
    """The photo as an upright sRGB array `(h, w, 3)`, uint8.

    Args:
        source: a path, or the bytes of a picture file.
        least_px: the short side that is wanted in the end. A JPEG may then be decoded at 1/2, 1/4 or 1/8 of
            its size, never below twice `least_px`: large photos decode up to ten times faster. None: in full.

    Raises:
        PhotoError: not a picture, truncated, too large (after the scaled decoding of a JPEG), or pixels without a
            stated range (32-bit, float).
    """
    try:
        with _file(source) as file, _opened(file) as image:
            return _decoded(image, file, least_px)
    except (PhotoError, MemoryError):
        raise
    except Exception as error:  # a decoder meets arbitrary bytes: OSError, SyntaxError, struct.error, IndexError ...
        raise PhotoError(f"cannot be decoded: {str(error) or type(error).__name__}") from error


def decode_image(image: Image.Image) -> Photo8:
    """`decode_photo` of a Pillow image of any mode. Colors that its file states outside `info` are read while it is open.

    Raises:
        PhotoError: as `decode_photo`.
    """
    try:
        file = getattr(image, "fp", None)
        return _decoded(image, file if isinstance(file, io.BufferedIOBase) and not file.closed else None, None)
    except (PhotoError, MemoryError):
        raise
    except Exception as error:
        raise PhotoError(f"cannot be decoded: {str(error) or type(error).__name__}") from error


def _decoded(image: Image.Image, file: io.BufferedIOBase | None, least_px: int | None) -> Photo8:
    full = image.size
    if least_px is not None and isinstance(image, JpegImagePlugin.JpegImageFile):
        image.draft(image.mode, (_DRAFT_GAP * least_px, _DRAFT_GAP * least_px))
    _check_kind(image)
    with _large if _needed_bytes(image, full) > _LARGE_BYTES else nullcontext():
        low = _low_bytes(image, file)
        profile = profile_of(image, file)  # before a file that is Pillow's own is closed
        image.load()
        turn, photo = _turn(image), _pixels(image, profile, low)
    return np.ascontiguousarray(turn(photo)) if turn else photo


@contextmanager
def _file(source: str | Path | bytes) -> Iterator[BinaryFile]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    try:
        status = os.stat(source)
        kind = status.st_mode
    except FileNotFoundError:
        raise PhotoError(f"no such file: {printable(source)}") from None
    if stat.S_ISDIR(kind):
        raise PhotoError(f"a folder, not a picture: {printable(source)}")
    if not stat.S_ISREG(kind):
        raise PhotoError(f"neither a file nor a folder: {printable(source)}")
    if status.st_size > MOST_FILE_BYTES:
        raise PhotoError(f"{status.st_size / 1e9:.1f} GB; a picture file has at most {MOST_FILE_BYTES / 1e9:g} GB")
    with open(source, "rb") as file:
        yield file


def _opened(file: BinaryFile) -> Image.Image:
    """The picture, undecoded. Not by `Image.open`: that warns of sizes that are refused or reduced here anyway.

    Raises:
        PhotoError: the content is of none of the formats, or of a kind of one that cannot be read.
    """
    prefix, problem = file.read(32), "not a picture: its content is of no known format"
    for name in FORMATS:
        factory, accept = _reader(name)
        if accept is not None and accept(prefix) is not True:
            continue
        file.seek(0)
        try:
            return factory(file, "")
        except Image.DecompressionBombError:
            raise PhotoError(_too_large("a picture")) from None
        except (SyntaxError, IndexError, TypeError, struct.error) as error:  # as Pillow does: try the next format
            if accept is not None:
                problem = f"cannot be decoded: {_tiff_kind(file) or error}"
    raise PhotoError(problem)


def _reader(name: str) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
    """What opens a format, and what tells by the first bytes whether a file is of it; None for a format without any."""
    if name == "HEIF":
        return _open_heif, lambda prefix: prefix[4:8] == b"ftyp" and prefix[8:12] in _HEIF_BRANDS
    Image.init()
    factory, accept = Image.OPEN.get(name, (_open_nothing, _open_nothing))
    return JpegImagePlugin.JpegImageFile if name == "JPEG" else factory, accept


def _open_heif(file: BinaryFile, name: str) -> Image.Image:
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise PhotoError("HEIC and HEIF need the package pillow-heif: pip install 'colorbench[heif]'") from None
    return HeifImageFile(file, name)


def _open_nothing(*_) -> bool:
    """For a format that this Pillow was built without."""
    return False


def _tiff_kind(file: BinaryFile) -> str:
    """What is unusual about a TIFF that cannot be opened; "" when it is none, or cannot be read even so far."""
    try:
        file.seek(0)
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
        return _tiff_sentence(tags)
    except Exception:  # arbitrary bytes; the reason that Pillow gave stands
        return ""


def _tiff_sentence(tags: TiffImagePlugin.ImageFileDirectory_v2) -> str:
    bits, form = tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))[0], tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))[0]
    kind = {1: "unsigned", 2: "signed", 3: "floating-point"}.get(form, "complex")
    what = f"a TIFF of {tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)} x {bits}-bit {kind} samples"
    if kind == "unsigned" and bits in (8, 16) and tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:
        order = "big-endian, " if tags.prefix == b"MM" else ""
        return f"{what}, {order}zero is white: save it so that zero is black"
    return f"{what}: save it with 8 or 16 bits, RGB or gray"


def _check_kind(image: Image.Image) -> None:
    """Refuse pixels that have no stated range, and those that Pillow would read wrongly."""
    if 0 in image.size:
        raise PhotoError("it has no pixels")
    if image.mode == "F":
        raise PhotoError("floating-point pixels have no stated range: save it with 8 or 16 bits")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        _check_tiff(image.tag_v2)


def _check_tiff(tags: TiffImagePlugin.ImageFileDirectory_v2) -> None:
    bits = max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
    if bits not in (1, 2, 4, 8, 16) or 2 in tags.get(TiffImagePlugin.SAMPLEFORMAT, ()):
        raise PhotoError(_tiff_sentence(tags))  # Pillow wraps signed values, and gives those of 12 and 32 bits as of 16
    planes = tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2 and tags.get(TiffImagePlugin.COMPRESSION, 1) == 1
    if planes and bits > 8:
        raise PhotoError("an uncompressed TIFF of 16-bit planes: save it with 8 bits, or compressed")


def _needed_bytes(image: Image.Image, full: tuple[int, int]) -> int:
    """The memory that decoding takes at its peak; what would take too much is refused before anything is decoded.

    Args:
        image: as it will be decoded, perhaps reduced.
        full: its size in the file.

    Raises:
        PhotoError: too many pixels or bytes.
    """
    pixels = math.prod(image.size)
    if pixels > MAX_PIXELS:
        raise PhotoError(_too_large(f"{image.size[0]} x {image.size[1]}"))
    needed = pixels * _BYTES_PER_PIXEL.get(image.format or "", _OTHER_BYTES_PER_PIXEL)
    if image.info.get("progressive"):  # the decoder keeps two bytes per sample of the whole picture, however reduced
        samples = [h * v for _, h, v, _ in getattr(image, "layer", [])]
        needed += 2 * math.prod(full) * sum(samples) // max(samples, default=1)
    if needed > _MOST_BYTES:
        raise PhotoError(f"{full[0]} x {full[1]} would take {needed / 1e9:.1f} GB to decode: scale it down first")
    return needed


def _too_large(what: str) -> str:
    return f"{what} is larger than {MAX_PIXELS / 1e6:.0f} million pixels: scale it down first"


def _turn(image: Image.Image) -> Callable[[np.ndarray], np.ndarray] | None:
    """What makes the picture upright; unreadable EXIF is ignored."""
    with suppress(Exception):  # a damaged EXIF block must not cost the photo
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return None


def _low_bytes(image: Image.Image, file: io.BufferedIOBase | None) -> Image.Image | None:
    """The low bytes of a 16-bit PNG in which one color is transparent; None for others. `image` is not yet loaded.

    That color is told in 16 bits, and Pillow decodes the high bytes alone. Its decoder gives the low ones when it is told
    that the samples are little-endian.
    """
    if not (isinstance(image, PngImagePlugin.PngImageFile) and image.tile and image.tile[0].args == "RGB;16B"):
        return None
    if "transparency" not in image.info or not isinstance(file, BinaryFile):
        return None
    place = file.tell()
    file.seek(0)
    low = PngImagePlugin.PngImageFile(file)
    low.tile = [tile._replace(args="RGB;16L") for tile in low.tile]
    low.load()
    file.seek(place)
    return low


def _pixels(image: Image.Image, profile: bytes | None, low: Image.Image | None) -> Photo8:
    """The picture as sRGB on white, in strips: a whole copy at each step would take several times its memory."""
    width, height = image.size
    inverted = _is_white_zero(image)
    photo = np.empty((height, width, 3), dtype=np.uint8)
    gray = space_of(profile) == b"GRAY" and image.mode in ("RGB", "RGBA") and all(is_gray(s) for _, s in _strips(image))
    for top, strip in _strips(image):
        if low:
            strip = _with_a_transparent_color(strip, low.crop((0, top, width, top + strip.height)))
        if strip.mode.startswith("I"):
            strip = _sixteen_bit(strip, inverted)
        strip = to_srgb(as_gray(strip) if gray else strip, profile)
        photo[top : top + strip.height] = np.asarray(_on_white(strip))
    return photo


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The first row of each strip, and the strip."""
    width, height = image.size
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(top + rows, height)))


def _with_a_transparent_color(high: Image.Image, low: Image.Image) -> Image.Image:
    """A strip of 16-bit color, of which both bytes are given, with the color that is transparent (tRNS of a PNG) as alpha."""
    color = np.array(high.info.pop("transparency"))
    hidden = (np.asarray(high) == color >> 8).all(axis=2) & (np.asarray(low) == color & 255).all(axis=2)
    high.putalpha(Image.fromarray(np.where(hidden, 0, 255).astype(np.uint8)))
    return high


def _is_white_zero(image: Image.Image) -> bool:
    """Whether Pillow gives the values of a TIFF as stored although 0 is white: it inverts 8 bits only."""
    tags = getattr(image, "tag_v2", {})
    return image.mode.startswith("I") and tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0


def _sixteen_bit(image: Image.Image, inverted: bool) -> Image.Image:
    """Any integer mode as "I;16"."""
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise PhotoError("32-bit or signed pixels have no stated range: save it with 8 or 16 bits")
    values = values.astype(np.uint16)
    made = Image.fromarray(65535 - values if inverted else values)
    made.info |= {name: value for name, value in image.info.items() if name == "transparency"}
    return made


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode not in ("RGBA", "LA"):
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
