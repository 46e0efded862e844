import io
import os

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from colorbench.metrics.pictures import as_rgb, folder_pictures, picture_files, pictures_of, read_picture
from colorbench.photo import PhotoError

RGB = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "source",
    [RGB, RGB.numpy(), RGB.movedim(1, -1).numpy(), RGB.movedim(1, -1), RGB.double(), list(RGB), list(RGB.numpy())],
    ids=["tensor", "array", "channels-last array", "channels-last tensor", "double", "list", "list of arrays"],
)
def test_every_form_gives_the_same_pictures(source):
    pictures = pictures_of(source, "pred")
    assert pictures.names == ["0", "1"]
    for index in range(2):
        torch.testing.assert_close(pictures.read(index), RGB[index])


def test_uint8_stays_uint8():
    levels = (255 * RGB).round().byte()
    assert as_rgb(levels.numpy(), "pred").dtype == torch.uint8


def test_neighbors_of_one_size_share_a_batch():
    pictures = pictures_of([RGB[0], RGB[1], RGB[0, :, :2], RGB[1]], "target")
    assert [indices for indices, _ in pictures.batches(16)] == [[0, 1], [2], [3]]
    assert [indices for indices, _ in pictures.batches(1)] == [[0], [1], [2], [3]]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (255 * RGB, r"pred has values .* divide 0..255 by 255"),
        (2 * RGB - 1, r"map \[-1, 1\] by \(x \+ 1\) / 2"),
        (RGB.masked_fill(RGB > 0.9, torch.nan), "holds NaN"),
        (RGB.masked_fill(RGB > 0.9, torch.inf), "has values"),
        ((255 * RGB).long(), r"torch.int64, wanted uint8"),
        (RGB[:, :2], r"shape \(2, 2, 4, 5\), wanted RGB"),
        (RGB[..., :0], "wanted RGB pictures"),
        ([RGB, RGB], r"pred\[0\] holds 2 pictures"),
    ],
)
def test_what_cannot_be_right_is_refused(source, message):
    with pytest.raises(ValueError, match=message):
        pictures_of(source, "pred")


def test_other_objects_are_refused():
    with pytest.raises(TypeError, match="pred is a int, wanted a tensor"):
        pictures_of(3, "pred")
    with pytest.raises(TypeError, match=r"pred\[1\] is a NoneType, wanted a tensor, an array, a Pillow image, a path"):
        pictures_of([RGB[0], None], "pred")


def test_rounding_beyond_the_range_is_clipped():
    assert as_rgb(torch.full((1, 3, 2, 2), 1.0004), "pred").max().item() == 1


def test_folder(tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        folder_pictures(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no pictures"):
        folder_pictures(tmp_path)
    levels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    Image.fromarray(levels).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "sub").mkdir()
    pictures = folder_pictures(tmp_path)
    assert pictures.names == ["a"]
    assert torch.equal(pictures.read(0), torch.from_numpy(levels).movedim(-1, 0))
    Image.fromarray(levels).save(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match=r"both a.jpg and a.png: pictures are matched by stem, keep one"):
        folder_pictures(tmp_path)


def test_all_kinds_of_files_are_read(tmp_path):
    gray = np.full((4, 6), 128, np.uint8)
    Image.fromarray(gray).save(tmp_path / "gray.png")
    Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(np.dstack([gray] * 3)).quantize(4).save(tmp_path / "palette.png")
    Image.new("RGBA", (6, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("CMYK", (6, 4), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg", quality=100)
    turned = Image.new("RGB", (4, 6))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    read = {path.stem: read_picture(path) for path in tmp_path.iterdir()}
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            assert torch.equal(pictures_of(image, "pred").read(0), read[path.stem]), path.name
    assert {tuple(picture.shape) for picture in read.values()} == {(3, 4, 6)}
    assert {read[name].float().mean().item() for name in ("gray", "deep", "palette")} == {128.0}
    assert read["clear"].min() == 255
    assert read["cmyk"][:, 0, 0].tolist() == pytest.approx([254, 0, 0], abs=3)


def test_names_match_composed_and_decomposed_and_of_any_bytes(tmp_path):
    photo = Image.new("RGB", (8, 8), "red")
    for name in ("cafe\u0301.png", "-x.png", os.fsdecode(b"\xff.png")):
        photo.save(tmp_path / name)
    assert list(picture_files(tmp_path)) == ["-x", "caf\u00e9", r"\xff"]
    assert folder_pictures(tmp_path).read(1).shape == (3, 8, 8)
    photo.save(tmp_path / "caf\u00e9.png")
    with pytest.raises(ValueError, match=r"holds both cafe.*, keep one"):
        picture_files(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda array: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape),
        lambda array: array.astype(array.dtype.newbyteorder(">")),
        lambda array: array[..., ::-1][..., ::-1],
        lambda array: array.astype(np.longdouble),
        lambda array: array.astype(np.float16).astype(np.float32),
    ],
    ids=["read-only", "big-endian", "reversed", "long double", "half"],
)
def test_arrays_in_any_layout_of_memory(change):
    array = RGB.numpy().astype(np.float16).astype(np.float32)
    torch.testing.assert_close(as_rgb(change(array), "pred"), torch.from_numpy(array))


def test_a_read_only_array_of_levels():
    levels = np.asarray(Image.new("RGB", (5, 4), (1, 2, 3)))
    assert not levels.flags.writeable
    assert as_rgb(levels, "pred")[0, :, 0, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "complex64", "clongdouble", "object",
              "U3", "datetime64[s]"],
)  # fmt: skip
def test_arrays_of_other_kinds_are_refused(dtype):
    with pytest.raises(ValueError, match=r"pred is .*, wanted uint8 \(0..255\) or float in \[0, 1\]"):
        as_rgb(np.zeros((2, 3, 4, 5), dtype), "pred")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_of_other_widths(dtype):
    torch.testing.assert_close(as_rgb(RGB.to(dtype), "pred"), RGB.to(dtype).float())


@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.uint16, torch.int32, torch.int64, torch.complex64])
def test_tensors_of_other_kinds_are_refused(dtype):
    with pytest.raises(ValueError, match=f"pred is {dtype}, wanted uint8"):
        as_rgb(torch.zeros(2, 3, 4, 5).to(dtype), "pred")


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "I", "I;16",
             "I;16B", "I;16L"],
)  # fmt: skip
def test_pillow_images_of_every_mode(mode):
    assert pictures_of(Image.new(mode, (5, 4)), "pred").read(0).shape == (3, 4, 5)


def test_a_pillow_image_is_as_its_file_says(tmp_path):
    """Also what no format would keep if it were written again."""
    info = PngInfo()
    info.add(b"gAMA", (100_000).to_bytes(4, "big"))
    info.add(b"cICP", bytes([12, 8, 0, 1]))
    Image.new("RGB", (5, 4), (60, 120, 180)).save(tmp_path / "a.png", pnginfo=info)
    with Image.open(tmp_path / "a.png") as image:
        read = pictures_of(image, "pred").read(0)
    assert torch.equal(read, read_picture(tmp_path / "a.png"))
    assert read[:, 0, 0].tolist() != [60, 120, 180]


def test_pillow_images_that_give_no_picture():
    data = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(data, "PNG")
    cut = Image.open(io.BytesIO(data.getvalue()[:1500]))
    for image, reason in (
        (cut, "truncated"),
        (Image.new("F", (4, 4)), "floating-point"),
        (Image.new("L", (0, 4)), "no pixels"),
    ):
        with pytest.raises(PhotoError, match=reason):
            pictures_of(image, "pred").read(0)


def test_links_that_lead_nowhere_are_named_when_they_are_read(tmp_path):
    Image.new("RGB", (5, 4)).save(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "absent.png")
    (tmp_path / "c.png").symlink_to(tmp_path / "c.png")
    os.mkfifo(tmp_path / "d.png")
    pictures = folder_pictures(tmp_path)
    assert pictures.names == list("abcd")
    assert [indices for indices, _ in pictures.batches(16)] == [[0]]
    assert set(pictures.unreadable) == set("bcd")
