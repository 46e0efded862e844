import os

import numpy as np
import pytest
import torch
from PIL import Image

from colorbench.metrics.pictures import as_rgb, folder_pictures, picture_files, pictures_of, read_picture

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


def test_neighbours_of_one_size_share_a_batch():
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
