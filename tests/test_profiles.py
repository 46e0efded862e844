"""Colors that a file states otherwise than by an ICC profile in the usual place; littleCMS says what they should be."""

import io
import struct

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from colorbench.matrix_profiles import adobe_rgb
from colorbench.photo import PhotoError, decode_photo
from tests.test_icc import COLOR_PROFILES, gray_profile, judge, own_srgb, profile
from tests.test_photo import color, encoded, png16, png_chunk


def marked(space: int, index: str | None) -> bytes:
    exif = Image.Exif()
    tags = exif.get_ifd(0x8769)
    tags[0xA001] = space
    if index is not None:
        tags[0xA005] = {1: index}
    return exif.tobytes()


def marked_tiff(pixels: np.ndarray, order: str) -> bytes:
    """A TIFF with directories of EXIF and of interoperability; Pillow writes a wrong place of the latter."""

    def directory(place: int, *entries: tuple) -> tuple[bytes, int]:
        body = b"".join(
            struct.pack(order + "HHI", tag, kind, count) + struct.pack(order + form, value).ljust(4, b"\0")
            for tag, kind, count, form, value in entries
        )
        made = struct.pack(order + "H", len(entries)) + body + bytes(4)
        return made, place + len(made)

    height, width = pixels.shape[:2]
    shorts = [(256, width), (257, height), (259, 1), (262, 2), (277, 3), (278, height)]
    bits, exif = 8 + 2 + 12 * 10 + 4, 8 + 2 + 12 * 10 + 4 + 6
    space, interoperability = directory(exif, (40961, 3, 1, "H", 65535), (40965, 4, 1, "I", exif + 2 + 12 * 2 + 4))
    index, start = directory(interoperability, (1, 2, 4, "4s", b"R03"))
    longs = [(273, start), (279, pixels.size), (34665, exif)]
    entries = [(tag, 3, 1, "H", value) for tag, value in shorts] + [(tag, 4, 1, "I", value) for tag, value in longs]
    main, _ = directory(8, *sorted([*entries, (258, 3, 3, "I", bits)]))
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    return head + main + struct.pack(order + "3H", 8, 8, 8) + space + index + pixels.tobytes()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF<", "TIFF>"])
def test_adobe_rgb_that_only_exif_tells(form):
    options = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}.get(form, {})
    if form.startswith("TIFF"):
        data = marked_tiff(color(16, 16), form[-1])
    else:
        data = encoded(Image.fromarray(color(16, 16)), form, exif=marked(65535, "R03"), **options)
    expected = judge(Image.open(io.BytesIO(data)).convert("RGB"), COLOR_PROFILES["adobe"])
    assert np.abs(decode_photo(data) - expected).max() <= 1


def test_some_cameras_write_color_space_2_for_adobe_rgb():
    data = encoded(Image.fromarray(color()), exif=marked(2, None))
    assert np.abs(decode_photo(data) - judge(Image.fromarray(color()), COLOR_PROFILES["adobe"])).max() <= 1


@pytest.mark.parametrize(("space", "index"), [(1, "R98"), (65535, "R98"), (65535, None), (1, "R03")])
def test_other_marks_are_srgb(space, index):
    data = encoded(Image.fromarray(color()), exif=marked(space, index))
    np.testing.assert_array_equal(decode_photo(data), color())


def test_an_embedded_profile_wins_over_exif():
    data = encoded(Image.fromarray(color()), exif=marked(65535, "R03"), icc_profile=own_srgb())
    np.testing.assert_array_equal(decode_photo(data), color())


def test_our_adobe_rgb_is_the_published_one():
    photo = Image.fromarray(color(64, 64))
    assert np.abs(judge(photo, adobe_rgb()) - judge(photo, COLOR_PROFILES["adobe"])).max() <= 1


SRGB_XY = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
STATED = {  # gAMA, cHRM, and the profile that says the same
    "linear": (1.0, None, COLOR_PROFILES["linear"]),
    "gamma-1.8": (1 / 1.8, SRGB_XY, COLOR_PROFILES["gamma-1.8"]),
    "adobe": (1 / 2.2, (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06), COLOR_PROFILES["adobe"]),
    "wide": (1 / 1.8, (0.3457, 0.3585, 0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001), COLOR_PROFILES["wide"]),
}


def chunks(gamma: float | None, chromaticities: tuple | None = None, **others: bytes) -> PngInfo:
    info = PngInfo()
    if gamma is not None:
        info.add(b"gAMA", struct.pack(">I", round(gamma * 100_000)))
    if chromaticities is not None:
        info.add(b"cHRM", struct.pack(f">{len(chromaticities)}I", *(round(v * 100_000) for v in chromaticities)))
    for name, data in others.items():
        info.add(name.encode(), data)
    return info


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA"])
@pytest.mark.parametrize(("gamma", "chromaticities", "icc"), STATED.values(), ids=STATED)
def test_gamma_and_primaries_that_only_a_png_states(mode, gamma, chromaticities, icc):
    image = Image.fromarray(color(40, 50))
    image = image.quantize(40, dither=Image.Dither.NONE) if mode == "P" else image.convert(mode)
    if mode in ("L", "LA"):
        expected = judge(image.convert("L"), gray_profile(1 / gamma))
    else:
        expected = judge(image.convert("RGB"), icc)
    assert np.abs(decode_photo(encoded(image, pnginfo=chunks(gamma, chromaticities))) - expected).max() <= 1


def test_linear_sixteen_bit_gray_keeps_its_dark_steps():
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    plain = Image.fromarray(values)
    decoded = decode_photo(encoded(plain, pnginfo=chunks(1.0)))
    assert np.abs(decoded - judge(plain, gray_profile(1.0))).max() <= 1
    assert len(np.unique(decoded)) > 50


def test_linear_sixteen_bit_gray_with_alpha():
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64) * 16
    data = png16(np.stack([values, np.full_like(values, 65535)], axis=2), 4)
    gamma = png_chunk(b"gAMA", struct.pack(">I", 100_000))
    plain = Image.fromarray((values >> 8).astype(np.uint8))
    assert np.abs(decode_photo(data[:33] + gamma + data[33:]) - judge(plain, gray_profile(1.0))).max() <= 1


@pytest.mark.parametrize(
    "info",
    [
        chunks(0.45455),
        chunks(0.45455, SRGB_XY),
        chunks(1.0, sRGB=b"\0"),
        chunks(0.0),
        chunks(1.0, (0.3127, 0.0, 0.64, 0.0, 0.3, 0.0, 0.15, 0.0)),
        chunks(1.0, (0.3, 0.3) * 4),
        chunks(None, STATED["wide"][1]),
    ],
    ids=["srgb gamma", "srgb", "overruled", "no gamma", "no primaries", "one primary", "primaries alone"],
)
def test_what_means_srgb_or_nothing_leaves_pixels_alone(info):
    np.testing.assert_array_equal(decode_photo(encoded(Image.fromarray(color()), pnginfo=info)), color())


def test_a_profile_overrules_gamma():
    data = encoded(Image.fromarray(color()), pnginfo=chunks(1.0), icc_profile=COLOR_PROFILES["adobe"])
    assert np.abs(decode_photo(data) - judge(Image.fromarray(color()), COLOR_PROFILES["adobe"])).max() <= 1


# Of H.273 code points: the profile that says the same, its primaries adapted to D50 by colour-science.
P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
BT2020 = ((0.67346, 0.27904, -0.00193), (0.16567, 0.67534, 0.02998), (0.12504, 0.04561, 0.79686))
DCI_P3 = ((0.48616, 0.22668, -0.0008), (0.32385, 0.71033, 0.04324), (0.15419, 0.06298, 0.78247))
BT601 = ((0.41629, 0.22168, 0.01365), (0.3932, 0.70328, 0.09133), (0.15471, 0.07504, 0.71993))
BT709 = ((0.43604, 0.22248, 0.01392), (0.38511, 0.71691, 0.09707), (0.14305, 0.06061, 0.71391))


def srgb_light(code: np.ndarray) -> np.ndarray:
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def bt709_light(code: np.ndarray) -> np.ndarray:
    return np.where(code < 0.081, code / 4.5, ((code + 0.099) / 1.099) ** (1 / 0.45))


CODED = {
    "Display P3": (12, 13, P3, srgb_light),
    "BT.2020": (9, 14, BT2020, bt709_light),
    "BT.709": (1, 1, BT709, bt709_light),
    "linear": (1, 8, BT709, lambda code: code),
    "gamma 2.2": (1, 4, BT709, lambda code: code**2.2),
    "BT.601": (6, 6, BT601, bt709_light),
    "cinema": (11, 17, DCI_P3, lambda code: code**2.6),
    "unknown curve": (12, 2, P3, srgb_light),
}


def table_profile(colorants: tuple, light) -> bytes:
    """As `rgb_profile`, its curve a table of 4096 values."""
    values = np.round(65535 * light(np.linspace(0, 1, 4096))).astype(">u2").tobytes()
    table = b"curv\0\0\0\0" + struct.pack(">I", 4096) + values
    xyz = {tag: b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in point))
           for tag, point in zip((b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt"), (*colorants, (0.9642, 1.0, 0.8249)))}  # fmt: skip
    return profile(b"RGB ", b"XYZ ", b"mntr", xyz | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), table))


def gray_table_profile(light) -> bytes:
    made = bytearray(table_profile(BT709, light).replace(b"rTRC", b"kTRC", 1))
    made[16:20] = b"GRAY"
    return bytes(made)


def coded(primaries: int, transfer: int, full_range: int = 1) -> PngInfo:
    return chunks(None, None, cICP=bytes([primaries, transfer, 0, full_range]))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "I;16"])
@pytest.mark.parametrize(("primaries", "transfer", "colorants", "light"), CODED.values(), ids=CODED)
def test_code_points_of_a_png(mode, primaries, transfer, colorants, light):
    image = Image.fromarray(color(40, 50))
    if mode == "I;16":
        image = Image.fromarray(np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64))
    else:
        image = image.quantize(40, dither=Image.Dither.NONE) if mode == "P" else image.convert(mode)
    if mode in ("L", "LA", "I;16"):
        plain = image if mode == "I;16" else image.convert("L")
        expected = judge(plain, gray_table_profile(light))
    else:
        expected = judge(image.convert("RGB"), table_profile(colorants, light))
    assert np.abs(decode_photo(encoded(image, pnginfo=coded(primaries, transfer))) - expected).max() <= 1


def boxed(form: str, primaries: int, transfer: int) -> bytes:
    """An AVIF or HEIF file of these code points."""
    if form == "AVIF":
        data = encoded(Image.fromarray(color(32, 48)), "AVIF", quality=100)
    else:
        file = io.BytesIO()
        pytest.importorskip("pillow_heif").from_pillow(Image.fromarray(color(32, 48))).save(file, quality=100)
        data = file.getvalue()
    assert data.count(b"nclx\0\1\0\r") == 1
    return data.replace(b"nclx\0\1\0\r", b"nclx" + struct.pack(">HH", primaries, transfer))


@pytest.mark.parametrize("form", ["AVIF", "HEIF"])
@pytest.mark.parametrize(("primaries", "transfer", "colorants", "light"), CODED.values(), ids=CODED)
def test_code_points_of_avif_and_heif(form, primaries, transfer, colorants, light):
    plain = Image.fromarray(decode_photo(boxed(form, 1, 13)))
    expected = judge(plain, table_profile(colorants, light))
    assert np.abs(decode_photo(boxed(form, primaries, transfer)) - expected).max() <= 1


@pytest.mark.parametrize(("transfer", "words"), [(16, r"HDR \(PQ\)"), (18, r"HDR \(HLG\)"), (9, "logarithmic")])
@pytest.mark.parametrize("form", ["PNG", "AVIF", "HEIF"])
def test_colors_that_srgb_cannot_hold_are_refused_by_name(form, transfer, words):
    if form == "PNG":
        data = encoded(Image.fromarray(color()), pnginfo=coded(9, transfer))
    else:
        data = boxed(form, 9, transfer)
    with pytest.raises(
        PhotoError, match=f"its colors are {words}, which sRGB cannot hold as they are: save it as sRGB"
    ):
        decode_photo(data)


def test_the_range_of_video_is_refused():
    with pytest.raises(PhotoError, match="the range of video"):
        decode_photo(encoded(Image.fromarray(color()), pnginfo=coded(1, 1, full_range=0)))


def test_code_points_of_a_png_overrule_its_profile():
    data = encoded(Image.fromarray(color()), pnginfo=coded(1, 13), icc_profile=COLOR_PROFILES["adobe"])
    np.testing.assert_array_equal(decode_photo(data), color())


@pytest.mark.parametrize("points", [(2, 2), (0, 13), (3, 13), (255, 255), (12, 0), (1, 3), (0, 0)])
def test_code_points_that_state_nothing_leave_it_to_the_profile(points):
    photo = Image.fromarray(color())
    data = encoded(photo, pnginfo=coded(*points), icc_profile=COLOR_PROFILES["adobe"])
    assert np.abs(decode_photo(data) - judge(photo, COLOR_PROFILES["adobe"])).max() <= 1
    data = encoded(photo, pnginfo=chunks(1.0, cICP=bytes([*points, 0, 1])))
    assert np.abs(decode_photo(data) - judge(photo, COLOR_PROFILES["linear"])).max() <= 1
    np.testing.assert_array_equal(decode_photo(encoded(photo, pnginfo=coded(*points))), color())


@pytest.mark.parametrize("form", ["PNG", "AVIF", "HEIF"])
def test_xyz_is_refused_by_name(form):
    data = encoded(Image.fromarray(color()), pnginfo=coded(10, 13)) if form == "PNG" else boxed(form, 10, 13)
    with pytest.raises(PhotoError, match="its colors are XYZ, which sRGB cannot hold as they are: save it as sRGB"):
        decode_photo(data)


def test_a_profile_overrules_nclx():
    data = encoded(Image.fromarray(color(32, 48)), "AVIF", quality=100, icc_profile=COLOR_PROFILES["wide"])
    plain = Image.open(io.BytesIO(data)).convert("RGB")
    changed = data.replace(b"nclx\0\1\0\r", b"nclx\0\x0c\0\x08")
    assert np.abs(decode_photo(changed) - judge(plain, COLOR_PROFILES["wide"])).max() <= 1


def bmp(pixels: np.ndarray, kind: bytes, ends: tuple = (), gamma: float = 0.0, icc: bytes = b"") -> bytes:
    """A bitmap of version 5, or of version 4 without a profile."""
    size = 124 if icc else 108
    height, width = pixels.shape[:2]
    rows = b"".join(row[:, ::-1].tobytes().ljust(-(-3 * width // 4) * 4, b"\0") for row in pixels[::-1])
    head = struct.pack("<IiiHHIIiiII16x4s", size, width, height, 1, 24, 0, len(rows), 0, 0, 0, 0, kind)
    head += b"".join(struct.pack("<3i", *(round(v * 2**30) for v in (x, y, 1 - x - y))) for x, y in ends).ljust(
        36, b"\0"
    )
    head += 3 * struct.pack("<I", round(gamma * 2**16))
    if icc:
        head += struct.pack("<IIII", 4, size + len(rows), len(icc), 0)
    return b"BM" + struct.pack("<IHHI", 14 + size + len(rows) + len(icc), 0, 0, 14 + size) + head + rows + icc


ENDS = {name: tuple(zip(numbers[::2], numbers[1::2])) for name, numbers in
        {"srgb": SRGB_XY[2:], "adobe": STATED["adobe"][1][2:]}.items()}  # fmt: skip


@pytest.mark.parametrize(
    ("options", "icc"),
    [
        ({"kind": b"DEBM", "icc": COLOR_PROFILES["wide"]}, COLOR_PROFILES["wide"]),
        ({"kind": bytes(4), "ends": ENDS["adobe"], "gamma": 563 / 256}, COLOR_PROFILES["adobe"]),
        ({"kind": bytes(4), "ends": ENDS["adobe"], "gamma": 256 / 563}, COLOR_PROFILES["adobe"]),
        ({"kind": bytes(4), "ends": ENDS["srgb"], "gamma": 1.8}, COLOR_PROFILES["gamma-1.8"]),
        ({"kind": bytes(4), "ends": ENDS["srgb"], "gamma": 2.2}, None),
        ({"kind": bytes(4)}, None),
        ({"kind": b"BGRs", "ends": ENDS["adobe"], "gamma": 1.0}, None),
        ({"kind": b" niW"}, None),
        ({"kind": b"KNIL", "icc": b"C:\\profile.icc" + bytes(128)}, None),
    ],
    ids=["profile", "adobe", "gamma of the file", "gamma 1.8", "sRGB in numbers", "nothing", "sRGB", "Windows", "link"],
)
def test_bitmaps_of_version_4_and_5(options, icc):
    pixels = color(30, 41)
    decoded, expected = (
        decode_photo(bmp(pixels, **options)),
        pixels if icc is None else judge(Image.fromarray(pixels), icc),
    )
    assert np.abs(decoded.astype(int) - expected).max() <= (0 if icc is None else 1)


def jp2(image: Image.Image, stated: bytes) -> bytes:
    """A JPEG 2000 file with this content of its box of colors."""
    data = encoded(image, "JPEG2000", irreversible=False)
    at = data.index(b"colr") - 4
    old = struct.unpack(">I", data[at : at + 4])[0]
    box = struct.pack(">I", 8 + len(stated)) + b"colr" + stated
    outer = data.index(b"jp2h") - 4
    size = struct.unpack(">I", data[outer : outer + 4])[0] + len(box) - old
    return data[:outer] + struct.pack(">I", size) + data[outer + 4 : at] + box + data[at + old :]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_a_profile_in_jpeg_2000(mode):
    image = Image.fromarray(color(32, 40)).convert(mode)
    icc = gray_profile(1.0) if mode == "L" else COLOR_PROFILES["wide"]
    decoded = decode_photo(jp2(image, b"\2\0\0" + icc))
    assert np.abs(decoded - judge(image if mode == "L" else image.convert("RGB"), icc)).max() <= 1


def test_enumerated_colors_of_jpeg_2000():
    image = Image.fromarray(color(32, 40))
    np.testing.assert_array_equal(decode_photo(jp2(image, b"\1\0\0" + struct.pack(">I", 16))), color(32, 40))
    with pytest.raises(PhotoError, match="its colors are ROMM RGB of JPEG 2000"):
        decode_photo(jp2(image, b"\1\0\0" + struct.pack(">I", 21)))


@pytest.mark.parametrize(
    ("white", "ends", "light", "icc"),
    [
        (SRGB_XY[:2], STATED["adobe"][1][2:], lambda code: code ** (563 / 256), COLOR_PROFILES["adobe"]),
        (SRGB_XY[:2], SRGB_XY[2:], None, None),
        (None, (0.68, 0.32, 0.265, 0.69, 0.15, 0.06), None, table_profile(P3, srgb_light)),
        (None, None, lambda code: code, COLOR_PROFILES["linear"]),
    ],
    ids=["adobe", "sRGB in numbers", "primaries alone", "curve alone"],
)
def test_colors_in_the_tags_of_a_tiff(white, ends, light, icc):
    stated = {318: white, 319: ends}
    if light is not None:
        stated[301] = 3 * tuple(np.round(65535 * light(np.linspace(0, 1, 256))).astype(int).tolist())
    data = encoded(
        Image.fromarray(color(30, 41)), "TIFF", tiffinfo={tag: v for tag, v in stated.items() if v is not None}
    )
    expected = color(30, 41) if icc is None else judge(Image.fromarray(color(30, 41)), icc)
    assert np.abs(decode_photo(data).astype(int) - expected).max() <= (0 if icc is None else 1)


def test_a_curve_in_the_tags_of_a_gray_tiff():
    image = Image.fromarray(color(30, 41)[..., 0])
    linear = tuple(np.round(np.linspace(0, 65535, 256)).astype(int).tolist())
    data = encoded(image, "TIFF", tiffinfo={301: linear})
    assert np.abs(decode_photo(data) - judge(image, gray_profile(1.0))).max() <= 1


@pytest.mark.parametrize("form", ["PNG", "AVIF", "BMP", "JPEG2000", "TIFF"])
def test_damaged_statements_state_nothing_or_are_refused(form):
    """Every byte before the pixels set to 255 in turn; whatever happens is a picture or a PhotoError."""
    data = {
        "PNG": lambda: encoded(Image.fromarray(color()), pnginfo=chunks(1.0, SRGB_XY, cICP=b"\x0c\x0d\0\1")),
        "AVIF": lambda: boxed("AVIF", 12, 13),
        "BMP": lambda: bmp(color(), bytes(4), ENDS["adobe"], 2.0),
        "JPEG2000": lambda: jp2(Image.fromarray(color(32, 40)), b"\2\0\0" + COLOR_PROFILES["wide"]),
        "TIFF": lambda: encoded(Image.fromarray(color()), "TIFF", tiffinfo={301: tuple(range(256)), 319: SRGB_XY[2:]}),
    }[form]()
    for place in range(min(len(data), 420)):
        changed = bytearray(data)
        changed[place] = 255
        try:
            assert decode_photo(bytes(changed)).ndim == 3
        except PhotoError:
            continue
