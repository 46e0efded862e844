import io
import os
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from colorbench.photo import PhotoError, decode_image, decode_photo


def encoded(image: Image.Image, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def color(height: int = 6, width: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png16(values: np.ndarray, color_type: int, icc: bytes = b"", transparent: tuple = ()) -> bytes:
    """A 16-bit PNG; Pillow writes none in color."""
    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    stated = png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(icc)) if icc else b""
    stated += png_chunk(b"tRNS", struct.pack(f">{len(transparent)}H", *transparent)) if transparent else b""
    body = png_chunk(b"IHDR", header) + stated + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_reads_paths_and_bytes(tmp_path):
    data = encoded(Image.fromarray(color()))
    (tmp_path / "a.png").write_bytes(data)
    for source in (data, tmp_path / "a.png", str(tmp_path / "a.png")):
        np.testing.assert_array_equal(decode_photo(source), color())


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda p: p),
        (2, lambda p: p[:, ::-1]),
        (3, lambda p: p[::-1, ::-1]),
        (4, lambda p: p[::-1]),
        (5, lambda p: p.swapaxes(0, 1)),
        (6, lambda p: np.rot90(p, -1)),
        (7, lambda p: p[::-1, ::-1].swapaxes(0, 1)),
        (8, lambda p: np.rot90(p, 1)),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_exif_orientation(orientation, upright, form):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(color()), form, exif=exif)
    np.testing.assert_array_equal(decode_photo(data), upright(color()))


def test_damaged_exif_costs_nothing():
    data = encoded(Image.fromarray(color()), exif=b"Exif\0\0II*\0\xff\xff\xff\xff damaged")
    np.testing.assert_array_equal(decode_photo(data), color())


def test_sixteen_bit_gray_is_scaled_not_clipped():
    values = np.array([[0, 257, 1000], [32896, 65278, 65535]], dtype=np.uint16)
    expected = np.rint(values / 257)
    np.testing.assert_array_equal(decode_photo(png16(values, 0))[..., 0], expected)
    np.testing.assert_array_equal(decode_photo(encoded(Image.fromarray(values), "TIFF"))[..., 2], expected)
    pgm = b"P5 3 2 65535\n" + values.astype(">u2").tobytes()
    np.testing.assert_array_equal(decode_photo(pgm)[..., 1], expected)


def test_sixteen_bit_color_within_one_level():
    values = np.random.default_rng(1).integers(0, 65536, (5, 4, 3), dtype=np.uint16)
    assert np.abs(decode_photo(png16(values, 2)) - values / 257.0).max() <= 1


def test_transparency_on_white():
    pixels = np.zeros((1, 3, 4), dtype=np.uint8)
    pixels[0, :, 0], pixels[0, :, 3] = 200, (0, 128, 255)
    photo = decode_photo(encoded(Image.fromarray(pixels)))
    assert photo[0, 0].tolist() == [255, 255, 255]
    assert photo[0, 1].tolist() == [227, 127, 127]
    assert photo[0, 2].tolist() == [200, 0, 0]


def test_a_transparent_color_of_sixteen_bits():
    values = np.random.default_rng(6).integers(0, 65536, (5, 4, 3), dtype=np.uint16)
    values[0, 0] = values[4, 3] = (1000, 2000, 3000)
    values[1, 1] = (1001, 2000, 3000)  # the same in its high bytes: another color, and not transparent
    expected = values >> 8
    expected[0, 0] = expected[4, 3] = 255
    data = png16(values, 2, transparent=(1000, 2000, 3000))
    np.testing.assert_array_equal(decode_photo(data), expected)
    np.testing.assert_array_equal(decode_image(Image.open(io.BytesIO(data))), expected)


def test_a_transparent_color_of_eight_bits():
    expected = color()
    data = encoded(Image.fromarray(expected), transparency=tuple(expected[2, 3].tolist()))
    expected[2, 3] = 255
    np.testing.assert_array_equal(decode_photo(data), expected)


def test_palette_with_a_transparent_entry():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    assert decode_photo(encoded(image)).tolist() == [[[10, 20, 30], [40, 50, 60]]]
    assert decode_photo(encoded(image, transparency=0)).tolist() == [[[255, 255, 255], [40, 50, 60]]]


@pytest.mark.parametrize("mode", ["1", "L", "LA"])
def test_gray_modes_give_three_equal_channels(mode):
    photo = decode_photo(encoded(Image.new(mode, (3, 2), (90, 255) if mode == "LA" else 90)))
    assert photo.shape == (2, 3, 3)
    np.testing.assert_array_equal(photo, 255 if mode == "1" else 90)


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (4, 4), name) for name in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_photo(data)[0, 0].tolist() == [255, 0, 0]


def test_scaled_decoding_keeps_twice_the_wanted_size():
    data = encoded(Image.fromarray(color(256, 320)), "JPEG")
    assert decode_photo(data, least_px=64).shape == (128, 160, 3)
    assert decode_photo(data, least_px=65).shape == (256, 320, 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a text named .jpg", "not a picture"),
        (b"", "not a picture"),
        (encoded(Image.fromarray(color(64, 64)), "JPEG")[:1500], "truncated"),
        (encoded(Image.fromarray(color(64, 64)))[:1500], "cannot be decoded"),
        (encoded(Image.fromarray(np.full((2, 2), 0.5, dtype=np.float32)), "TIFF"), "floating-point"),
        (encoded(Image.fromarray(np.full((2, 2), 70000, dtype=np.int32)), "TIFF"), "32-bit"),
    ],
    ids=["text", "empty", "jpeg-cut", "png-cut", "float", "int32"],
)
def test_refusals_say_why(data, reason):
    with pytest.raises(PhotoError, match=reason):
        decode_photo(data)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(PhotoError, match="no such file"):
        decode_photo(tmp_path / "none.jpg")
    with pytest.raises(PhotoError, match="a folder"):
        decode_photo(tmp_path)


def bomb(side: int) -> bytes:
    """The header of a PNG of side x side, and next to nothing behind it."""
    header = png16(np.zeros((1, 1), dtype=np.uint16), 0)
    chunk = b"IHDR" + struct.pack(">II", side, side) + header[24:29]
    return header[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + header[33:]


@pytest.mark.parametrize("side", [9_460, 10_000, 50_000])  # Pillow warns of the second and raises at the third
def test_huge_pictures_are_refused_before_decoding(side):
    with pytest.raises(PhotoError, match=f"{side} x {side} is larger than 89 million pixels: scale it down"):
        decode_photo(bomb(side))


def huge_jpeg(width: int, height: int, **options) -> bytes:
    """A small JPEG whose header claims another size: the decoder fills what is missing with gray."""
    data = bytearray(encoded(Image.new("RGB", (64, 64), "red"), "JPEG", **options))
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        place = data.find(marker)
        if place > 0:
            data[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def test_a_jpeg_of_108_and_of_200_megapixels_is_read_reduced():
    for width, height in ((12_000, 9_000), (16_320, 12_240)):
        image = Image.new("L", (width, height), 90)
        data = encoded(image, "JPEG")
        assert decode_photo(data, least_px=256).shape == (height // 8, width // 8, 3)
        with pytest.raises(PhotoError, match=f"{width} x {height} is larger than 89 million pixels"):
            decode_photo(data)


def test_a_progressive_jpeg_is_refused_by_what_its_decoder_keeps():
    with pytest.raises(PhotoError, match=r"60000 x 60000 would take \d+.\d GB to decode: scale it down"):
        decode_photo(huge_jpeg(60_000, 60_000, progressive=True), least_px=64)


def tiff(values: np.ndarray, **options) -> bytes:
    tifffile = pytest.importorskip("tifffile")
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def test_a_tiff_whose_zero_is_white():
    eight = color()[..., 0]
    sixteen = np.random.default_rng(3).integers(0, 65536, (6, 8), dtype=np.uint16)
    for values, scale in ((eight, 1), (sixteen, 257)):
        expected = 255 - np.rint(values / scale)
        np.testing.assert_array_equal(decode_photo(tiff(values, photometric="miniswhite"))[..., 0], expected)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}], ids=["plain", "zlib", "tiled"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_in_planes(options, dtype):
    values = np.random.default_rng(4).integers(0, np.iinfo(dtype).max + 1, (3, 32, 48), dtype=dtype)
    data = tiff(values, photometric="rgb", planarconfig="separate", **options)
    if dtype is np.uint16 and "compression" not in options:  # Pillow would give noise
        with pytest.raises(PhotoError, match="an uncompressed TIFF of 16-bit planes"):
            decode_photo(data)
        return
    expected = values.transpose(1, 2, 0) / (257 if dtype is np.uint16 else 1)
    assert np.abs(decode_photo(data) - expected).max() <= 1


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.zeros((4, 4, 3), np.float32), "3 x 32-bit floating-point"),
        (np.zeros((4, 4), np.float64), "1 x 64-bit floating-point"),
        (np.zeros((4, 4, 3), np.uint32), "3 x 32-bit unsigned"),
        (np.zeros((4, 4), np.uint32), "1 x 32-bit unsigned"),
        (np.zeros((4, 4), np.int32), "1 x 32-bit signed"),
        (np.zeros((4, 4), np.int16), "1 x 16-bit signed"),
        (np.zeros((4, 4), np.int8), "1 x 8-bit signed"),
    ],
)
def test_tiffs_of_other_kinds_are_called_what_they_are(values, kind):
    options = {"photometric": "rgb"} if values.ndim == 3 else {}
    with pytest.raises(PhotoError, match=f"a TIFF of {kind} samples: save it with 8 or 16 bits"):
        decode_photo(tiff(values, **options))


def test_a_tiff_of_12_bits_is_not_read_as_16():
    tags = [(256, 2), (257, 1), (258, 12), (259, 1), (262, 1), (273, 122), (277, 1), (278, 1), (279, 3)]
    entries = b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in tags)
    data = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + b"\xff\xff\xff"
    with pytest.raises(PhotoError, match="a TIFF of 1 x 12-bit unsigned samples: save it with 8 or 16 bits"):
        decode_photo(data)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("samples", [1, 3, 4])
def test_a_tiff_of_unsigned_16_bits(byteorder, samples):
    values = np.random.default_rng(7).integers(0, 65536, (5, 4, samples), dtype=np.uint16)
    values[..., 3:] = 65535
    kind = {"photometric": "minisblack"} if samples == 1 else {"photometric": "rgb"}
    kind |= {"extrasamples": ["unassalpha"]} if samples == 4 else {}
    data = tiff(values[..., 0] if samples == 1 else values, byteorder=byteorder, **kind)
    assert np.abs(decode_photo(data) - values[..., :3] / 257.0).max() <= 1


@pytest.mark.parametrize(
    ("values", "options", "kind"),
    [
        (np.zeros((4, 4), np.uint16), {"byteorder": ">"}, "1 x 16-bit unsigned samples, big-endian, zero is white"),
        (np.zeros((4, 4, 2), np.uint8), {"extrasamples": ["unassalpha"]}, "2 x 8-bit unsigned samples, zero is white"),
    ],
    ids=["big-endian", "alpha"],
)
def test_a_tiff_whose_zero_is_white_and_that_pillow_cannot_read(values, options, kind):
    data = tiff(values, photometric="miniswhite", planarconfig="contig", **options)
    with pytest.raises(PhotoError, match=f"a TIFF of {kind}: save it so that zero is black"):
        decode_photo(data)


def test_the_first_picture_of_an_mpo_reduced_like_a_jpeg(recwarn):
    photo = Image.fromarray(color(256, 320))
    data = encoded(photo, "MPO", save_all=True, append_images=[Image.new("RGB", (320, 256))])
    np.testing.assert_array_equal(decode_photo(data), decode_photo(encoded(photo, "JPEG")))
    assert decode_photo(data, least_px=64).shape == (128, 160, 3)
    assert not list(recwarn)


def test_heic_by_the_optional_package():
    heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    heif.from_pillow(Image.new("RGB", (64, 48), (200, 40, 40))).save(file)
    photo = decode_photo(file.getvalue())
    assert photo.shape == (48, 64, 3)
    assert np.abs(photo.astype(int) - (200, 40, 40)).max() <= 4


def test_heic_without_the_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PhotoError, match=r"HEIC and HEIF need the package pillow-heif: pip install 'colorbench.heif.'"):
        decode_photo(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))


@pytest.mark.parametrize(
    "content",
    [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"%PDF-1.4\n", b"8BPS\0\x01", b"#define x_width 8\n"],
    ids=["eps", "pdf", "psd", "xbm"],
)
def test_only_the_formats_that_are_meant_are_opened(tmp_path, content):
    """Pillow would start Ghostscript for the first, whatever the file is called."""
    (tmp_path / "photo.png").write_bytes(content + bytes(64))
    with pytest.raises(PhotoError, match="not a picture: its content is of no known format"):
        decode_photo(tmp_path / "photo.png")


FORMS = {"JPEG": {}, "PNG": {}, "WEBP": {}, "TIFF": {}, "GIF": {}, "BMP": {}, "PPM": {}, "JPEG2000": {}, "AVIF": {},
         "TGA": {}, "MPO": {"save_all": True}}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_every_format_is_read_whole_or_not_at_all(form, share):
    data = encoded(Image.fromarray(color(96, 128)), form, **FORMS[form])
    assert decode_photo(data).shape == (96, 128, 3)
    with pytest.raises(PhotoError):
        decode_photo(data[: int(share * len(data))])


def test_what_is_no_regular_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(PhotoError, match="neither a file nor a folder"):
        decode_photo(tmp_path / "pipe.png")


@pytest.mark.parametrize("name", ["-rf.png", "new\nline.png", "cafe\u0301.png", "x" * 251 + ".png", b"\xff\xfe.png"])
def test_names_of_files_do_not_matter(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(encoded(Image.fromarray(color())))
    np.testing.assert_array_equal(decode_photo(path), color())
    path.unlink()
    with pytest.raises(PhotoError, match="no such file") as caught:
        decode_photo(path)
    assert str(caught.value).encode()  # can be printed
