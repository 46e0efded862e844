"""Color management against littleCMS itself, on every mode of picture."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from colorbench.photo import decode_photo
from tests.test_photo import color, encoded, png16

SRGB = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PROPHOTO = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))


def rgb_profile(red: tuple, green: tuple, blue: tuple, gamma: float, name: str = "sRGB IEC61966-2.1") -> bytes:
    """A matrix ICC profile, v2: PCS XYZ of the primaries (D50) and one gamma. Its name says nothing about it."""
    fixed = [struct.pack(">i", round(v * 65536)) for xyz in (red, green, blue, (0.9642, 1.0, 0.8249)) for v in xyz]
    tags = {
        tag: b"XYZ \0\0\0\0" + b"".join(fixed[3 * place : 3 * place + 3])
        for place, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt"))
    }
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(gamma))
    return profile(b"RGB ", b"XYZ ", b"mntr", tags | {b"desc": description(name)})


def gray_profile(gamma: float, name: str = "sRGB gray") -> bytes:
    white = b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in (0.9642, 1.0, 0.8249))
    tags = {b"wtpt": white, b"kTRC": curve(gamma), b"desc": description(name)}
    return profile(b"GRAY", b"XYZ ", b"mntr", tags)


def curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def description(name: str) -> bytes:
    text = name.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(79)


def cmyk_profile(lab_of_ink: float) -> bytes:
    """A CMYK profile that is gray of L = lab_of_ink whatever the inks, and black with full black ink."""
    lab = bytes([round(lab_of_ink * 255 / 100), 128, 128])
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
    table += b"".join(struct.pack(">i", 65536 * (row == column)) for row in range(3) for column in range(3))
    table += 4 * ramp + 8 * (lab + bytes([0, 128, 128])) + 3 * ramp
    white = b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in (0.9642, 1.0, 0.8249))
    return profile(b"CMYK", b"Lab ", b"prtr", {b"A2B0": table, b"wtpt": white, b"desc": description("ink")})


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


def own_srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def judge(image: Image.Image, icc: bytes) -> np.ndarray:
    """What littleCMS makes of the picture."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    made = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return np.asarray(made).astype(int)


COLOR_PROFILES = {
    "srgb": own_srgb(),
    "linear": rgb_profile(*SRGB, 1.0),
    "gamma-1.8": rgb_profile(*SRGB, 1.8),
    "gamma-2.2": rgb_profile(*SRGB, 2.2),
    "adobe": rgb_profile(*ADOBE, 563 / 256, "Adobe RGB (1998)"),
    "wide": rgb_profile(*PROPHOTO, 1.8, "sRGB, or so it says"),
}
GRAY_PROFILES = {f"gamma-{gamma}": gray_profile(gamma) for gamma in (1.0, 1.8, 2.2)}


@pytest.mark.parametrize("icc", COLOR_PROFILES.values(), ids=COLOR_PROFILES)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "PA", "YCbCr", "L", "LA", "RGB-16"])
def test_color_profiles_on_every_mode(mode, icc):
    photo = color(40, 50)
    if mode == "RGB-16":
        values = np.random.default_rng(2).integers(0, 65536, (40, 50, 3), dtype=np.uint16)
        data = png16(values, 2, icc)
        expected = judge(Image.fromarray((values >> 8).astype(np.uint8)), icc)
    elif mode == "P":
        image = Image.fromarray(photo).quantize(40, dither=Image.Dither.NONE)
        data, expected = encoded(image, icc_profile=icc), judge(image.convert("RGB"), icc)
    elif mode == "PA":  # a palette with one transparent entry
        image = Image.fromarray(photo).quantize(40, dither=Image.Dither.NONE)
        data, expected = encoded(image, icc_profile=icc, transparency=3), judge(image.convert("RGB"), icc)
        expected[np.asarray(image) == 3] = 255
    elif mode == "YCbCr":
        data = encoded(Image.fromarray(photo), "JPEG", quality=95, icc_profile=icc)
        expected = judge(Image.open(io.BytesIO(data)).convert("RGB"), icc)
    else:
        image = Image.fromarray(photo).convert(mode)
        data, expected = encoded(image, icc_profile=icc), judge(image.convert("RGB"), icc)
    assert np.abs(decode_photo(data) - expected).max() <= 1


@pytest.mark.parametrize("icc", GRAY_PROFILES.values(), ids=GRAY_PROFILES)
@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "1"])
def test_gray_profiles_on_every_gray_mode(mode, icc):
    values = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    if mode == "I;16":
        image = plain = Image.fromarray(values)
    else:
        image = Image.fromarray((values >> 8).astype(np.uint8)).convert(mode)
        plain = image.convert("L")
    assert np.abs(decode_photo(encoded(image, icc_profile=icc)) - judge(plain, icc)).max() <= 1


def gray_and_alpha() -> tuple[np.ndarray, np.ndarray]:
    """16-bit values of gray and alpha, and what they are on white when the profile is gamma 1.8."""
    values = np.random.default_rng(5).integers(0, 65536, (40, 50, 2), dtype=np.uint16)
    values[:20, :, 1] = 65535
    gray, alpha = Image.fromarray((values[..., 0] >> 8).astype(np.uint8)), (values[..., 1:] >> 8) / 255
    return values, judge(gray, gray_profile(1.8)) * alpha + 255 * (1 - alpha)


def test_a_gray_profile_of_sixteen_bit_gray_with_alpha():
    values, expected = gray_and_alpha()
    assert np.abs(decode_photo(png16(values, 4, gray_profile(1.8))) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["L", "LA"])
@pytest.mark.parametrize("lossless", [True, False])
def test_a_gray_profile_of_a_webp(mode, lossless):
    ramp = np.arange(256, dtype=np.uint8)[:, None].repeat(32, axis=1)
    data = encoded(Image.fromarray(ramp).convert(mode), "WEBP", lossless=lossless, icc_profile=gray_profile(1.0))
    stored = Image.open(io.BytesIO(data))
    assert stored.mode in ("RGB", "RGBA")
    assert np.abs(decode_photo(data) - judge(stored.convert("L"), gray_profile(1.0))).max() <= 1


def test_a_gray_profile_is_unfit_for_a_picture_with_color_anywhere(monkeypatch):
    """Strips are converted one by one, but the profile is for the whole picture or for none of it."""
    monkeypatch.setattr("colorbench.photo._STRIP_PIXELS", 64)
    photo = np.full((16, 16, 3), 90, dtype=np.uint8)
    photo[-1, -1] = (200, 30, 30)
    np.testing.assert_array_equal(decode_photo(encoded(Image.fromarray(photo), icc_profile=gray_profile(1.0))), photo)


def test_transparency_is_composited_after_the_profile():
    pixels = np.zeros((1, 2, 4), dtype=np.uint8)
    pixels[0, :] = (100, 150, 100, 128)
    expected = judge(Image.fromarray(pixels[..., :3]), COLOR_PROFILES["adobe"])[0, 0]
    decoded = decode_photo(encoded(Image.fromarray(pixels), icc_profile=COLOR_PROFILES["adobe"]))[0, 0]
    assert np.abs(decoded - (expected * 128 + 255 * 127) / 255).max() <= 1


def test_cmyk_without_a_profile_and_with_one():
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red = decode_photo(encoded(image, "JPEG"))[4, 4]
    assert red[0] > 240
    assert red[1:].max() < 15
    gray = decode_photo(encoded(image, "JPEG", icc_profile=cmyk_profile(50)))[4, 4]
    np.testing.assert_allclose(gray, 119, atol=3)  # L* 50 is sRGB 119


def test_wide_gamut_profile_is_converted():
    image = Image.new("RGB", (4, 4), (100, 150, 100))
    pixel = decode_photo(encoded(image, icc_profile=COLOR_PROFILES["adobe"]))[0, 0].astype(int)
    np.testing.assert_allclose(pixel, [68, 151, 98], atol=3)  # Adobe RGB (1998) -> sRGB by its published matrices


@pytest.mark.parametrize("icc", [own_srgb(), b"no profile at all", gray_profile(1.0), cmyk_profile(50)])
def test_srgb_broken_and_unfit_profiles_leave_pixels_alone(icc):
    np.testing.assert_array_equal(decode_photo(encoded(Image.fromarray(color()), icc_profile=icc)), color())


@pytest.mark.parametrize(("mode", "transparent"), [("L", 3), ("1", 255), ("I;16", 12000)])
@pytest.mark.parametrize("icc", [None, gray_profile(1.0)], ids=["plain", "linear"])
def test_a_gray_value_that_is_transparent(mode, transparent, icc):
    values = np.arange(16).reshape(4, 4)
    image = Image.fromarray((4000 * values).astype(np.uint16) if mode == "I;16" else values.astype(np.uint8))
    image = Image.fromarray(values > 7) if mode == "1" else image
    stored = {} if icc is None else {"icc_profile": icc}
    opaque = decode_photo(encoded(image, **stored))
    decoded = decode_photo(encoded(image, transparency=transparent, **stored))
    hidden = values > 7 if mode == "1" else values == 3
    np.testing.assert_array_equal(decoded[~hidden], opaque[~hidden])
    np.testing.assert_array_equal(decoded[hidden], 255)
