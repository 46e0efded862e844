import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from colorbench.photo import PhotoError, decode_photo


def encoded(image: Image.Image, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def color(height: int = 6, width: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png16(values: np.ndarray, color_type: int) -> bytes:
    """A 16-bit PNG; Pillow writes none in color."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def rgb_profile(red: tuple, green: tuple, blue: tuple, gamma: float) -> bytes:
    """A matrix ICC profile, v2: PCS XYZ of the primaries (D50) and one gamma."""
    fixed = [struct.pack(">i", round(v * 65536)) for xyz in (red, green, blue, (0.9642, 1.0, 0.8249)) for v in xyz]
    tags = {
        tag: b"XYZ \0\0\0\0" + b"".join(fixed[3 * place : 3 * place + 3])
        for place, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt"))
    }
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + bytes(79)
    return profile(b"RGB ", b"XYZ ", b"mntr", tags)


def cmyk_profile(lab_of_ink: float) -> bytes:
    """A CMYK profile that is gray of L = lab_of_ink whatever the inks, and black with full black ink."""
    lab = bytes([round(lab_of_ink * 255 / 100), 128, 128])
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
    table += b"".join(struct.pack(">i", 65536 * (row == column)) for row in range(3) for column in range(3))
    table += 4 * ramp + 8 * (lab + bytes([0, 128, 128])) + 3 * ramp
    white = b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in (0.9642, 1.0, 0.8249))
    description = b"desc\0\0\0\0" + struct.pack(">I", 4) + b"ink\0" + bytes(79)
    return profile(b"CMYK", b"Lab ", b"prtr", {b"A2B0": table, b"wtpt": white, b"desc": description})


def profile(space: bytes, connection: bytes, kind: bytes, tags: dict) -> bytes:
    offset, index, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        index += name + struct.pack(">II", offset + len(body), len(data))
        body += data
    header = bytearray(128)
    header[0:4] = struct.pack(">I", offset + len(body))
    header[8:12], header[12:16], header[16:20], header[20:24] = b"\x02\x40\0\0", kind, space, connection
    header[36:40] = b"acsp"
    header[68:80] = b"".join(struct.pack(">i", round(v * 65536)) for v in (0.9642, 1.0, 0.8249))
    return bytes(header) + struct.pack(">I", len(tags)) + index + body


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


def test_cmyk_without_a_profile_and_with_one():
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red = decode_photo(encoded(image, "JPEG"))[4, 4]
    assert red[0] > 240
    assert red[1:].max() < 15
    gray = decode_photo(encoded(image, "JPEG", icc_profile=cmyk_profile(50)))[4, 4]
    np.testing.assert_allclose(gray, 119, atol=3)  # L* 50 is sRGB 119


def test_wide_gamut_profile_is_converted():
    adobe = rgb_profile((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457), 2.2)
    image = Image.new("RGB", (4, 4), (100, 150, 100))
    pixel = decode_photo(encoded(image, icc_profile=adobe))[0, 0].astype(int)
    np.testing.assert_allclose(pixel, [68, 151, 98], atol=3)  # Adobe RGB (1998) -> sRGB by its published matrices


def test_srgb_or_broken_profile_leaves_pixels_alone():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc in (srgb, b"no profile at all"):
        np.testing.assert_array_equal(decode_photo(encoded(Image.fromarray(color()), icc_profile=icc)), color())


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


def test_huge_pictures_are_refused_before_decoding():
    with pytest.raises(PhotoError, match="larger than 0 million pixels"):
        decode_photo(encoded(Image.fromarray(color())), max_pixels=47)
    for side in (10_000, 50_000):  # Pillow warns of the first, raises at the second
        header = png16(np.zeros((1, 1), dtype=np.uint16), 0)
        size = struct.pack(">II", side, side)
        chunk = b"IHDR" + size + header[24:29]
        bomb = header[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + header[33:]
        with pytest.raises(PhotoError, match="million pixels: scale it down"):
            decode_photo(bomb)
