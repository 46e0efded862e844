"""Colorizing photos of any size with a checkpoint; files that are no checkpoint."""

import os

import numpy as np
import pytest
from PIL import Image

from colorbench.training.colorize import colorize, load_colorizer, plan_pictures
from colorbench.training.train import train
from tests.training.cells import small_cell


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLORBENCH_CACHE", str(folder / "cache"))
        train(small_cell(), folder, metrics=("psnr",))
    return folder / "checkpoint.safetensors"


@pytest.mark.parametrize("size", [(40, 60), (7, 5), (16, 16), (33, 200)])
def test_size_and_lightness_stay(checkpoint, size):
    photo = np.random.default_rng(0).integers(60, 200, (*size, 3), dtype=np.uint8)
    gray = np.repeat(photo.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    colored = load_colorizer(checkpoint)(gray)
    assert colored.shape == gray.shape
    assert colored.dtype == np.uint8
    light = np.array([0.2126, 0.7152, 0.0722])
    assert abs((colored / 255.0) ** 2.2 @ light - (gray / 255.0) ** 2.2 @ light).mean() < 0.05


def test_unreadable_photos_are_named_and_left_out(checkpoint, tmp_path):
    Image.new("L", (20, 20), 99).save(tmp_path / "old.png")
    (tmp_path / "text.jpg").write_text("no picture")
    told = []
    report = colorize(
        checkpoint, [tmp_path / "old.png", tmp_path / "text.jpg"], tmp_path / "out", on_photo=lambda *t: told.append(t)
    )
    assert [path.name for path in report.written] == ["old.png"]
    assert "not a picture" in report.refused[tmp_path / "text.jpg"] == told[1][2]


@pytest.fixture
def tree(tmp_path):
    """Photos of one name in several folders, and what is no photo."""
    for name in ("a.jpg", "one/a.png", "one/a.JPG", "two/deep/a.webp", "two/[x].png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (18, 20), "gray").save(path)
    (tmp_path / "photos" / "notes.txt").write_text("no photo")
    (tmp_path / "photos" / ".hidden.png").write_bytes(b"")
    return tmp_path / "photos"


def test_a_photo_keeps_its_path_and_none_is_lost(checkpoint, tree, tmp_path):
    report = colorize(checkpoint, [tree], tmp_path / "out")
    made = {path.relative_to(tmp_path / "out").as_posix() for path in report.written}
    assert made == {"a.png", "one/a.png", "one/a-2.png", "two/deep/a.png", "two/[x].png"}
    assert {path.name: reason for path, reason in report.passed_over.items()} == {
        "notes.txt": ".txt is not the ending of a picture file",
        ".hidden.png": "hidden",
    }


def test_what_a_folder_may_hold(tree, tmp_path):
    """Names of any bytes, a loop of links, many folders in each other: `scan_tree` does it as for training."""
    photo = (tree / "a.jpg").read_bytes()
    deep = tree.joinpath(*["d"] * 400)
    deep.mkdir(parents=True)
    for path in (deep / "-x.jpg", tree / "two\nlines.jpg", tree / os.fsdecode(b"\xff.jpg")):
        path.write_bytes(photo)
    (tree / "circle").symlink_to(tree / "circle")
    (tree / "loop").symlink_to(tree)
    passed_over = {}
    targets = plan_pictures([tree], tmp_path / "out", passed_over)
    assert len(targets) == 8
    assert "Too many levels of symbolic links" in passed_over[tree / "circle"]


def test_a_second_call_keeps_what_is_there(checkpoint, tree, tmp_path):
    first = colorize(checkpoint, [tree], tmp_path / "out").written
    first[0].unlink()
    again = colorize(checkpoint, [tree], tmp_path / "out")
    assert again.written == first[:1]
    assert set(again.kept) == set(first[1:])
    assert len(colorize(checkpoint, [tree], tmp_path / "out", overwrite=True).written) == 5


def test_two_folders_keep_their_names_and_a_photo_given_twice_is_one(tree, tmp_path):
    targets = plan_pictures([tree / "one", tree / "two", tree / "two" / "[x].png"], tmp_path / "out")
    made = sorted(path.relative_to(tmp_path / "out").as_posix() for path in targets.values())
    assert made == ["one/a-2.png", "one/a.png", "two/[x].png", "two/deep/a.png"]


def test_no_picture_goes_onto_a_photo(tree, tmp_path):
    with pytest.raises(ValueError, match=r"would be replaced: choose another --out"):
        plan_pictures([tree], tree)
    (tmp_path / "link").symlink_to(tree)
    with pytest.raises(ValueError, match="would be replaced"):
        plan_pictures([tree], tmp_path / "link")


def test_an_output_folder_inside_the_photos_is_no_photo(checkpoint, tree):
    first = colorize(checkpoint, [tree], tree / "colorized").written
    assert len(plan_pictures([tree], tree / "colorized")) == len(first) == 5


@pytest.mark.parametrize(("names", "message"), [(["photos", "absent"], "no such file or folder: .*absent"), ([], "")])
def test_what_is_absent_or_empty_is_said(tree, tmp_path, names, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=message or "no photos in .*empty"):
        plan_pictures([tmp_path / name for name in names or ["empty"]], tmp_path / "out")


def test_names_of_255_bytes_keep_a_number_of_their_own(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("x" * 251 + ".jpg", "x" * 251 + ".png", "\u00e9" * 125 + ".jpeg", "\u00e9" * 125 + ".webp"):
        Image.new("L", (8, 8)).save(photos / name)
    targets = plan_pictures([photos], tmp_path / "out")
    assert len({target.name for target in targets.values()}) == 4
    for target in targets.values():
        assert len(os.fsencode(target.name)) <= 255
        target.name.encode()
