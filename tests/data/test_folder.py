import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorbench.data import Found, Source, load_dataset_photos
from colorbench.data.folder import color_half, find_folder, find_paired, find_train_val
from colorbench.photo import PhotoError
from tests.data.conftest import random_photo, write_photos


def names(folder):
    return [source.name for source in find_folder(folder).sources]


def test_the_whole_tree_by_relative_name(tree):
    (tree / "notes.txt").write_text("no picture")
    (tree / ".hidden.png").write_bytes(b"")
    (tree / "upper.JPG").write_bytes(b"any")
    (tree / "__MACOSX").mkdir()
    (tree / "__MACOSX" / "x.png").write_bytes(b"any")
    assert names(tree) == [f"b/photo-{n:03d}.png" for n in range(6, 12)] + [
        *(f"photo-{n:03d}.png" for n in range(6)),
        "upper.JPG",
    ]


def reasons(folder):
    return dict(find_folder(folder).passed_over)


def test_links_are_followed_counted_and_loops_cut(tree, tmp_path):
    other = write_photos(tmp_path / "other", [50])
    (tree / "link").symlink_to(other)
    (tree / "one.png").symlink_to(other / "photo-050.png")
    (tree / "within.png").symlink_to(tree / "photo-000.png")
    (tree / "b" / "loop").symlink_to(tree)
    (other / "back").symlink_to(tree)
    found = find_folder(tree)
    assert len(found.sources) == 15
    assert found.linked_outside == 2
    assert found.passed_over == []


def test_links_that_cannot_be_followed_are_listed(tree):
    (tree / "gone.jpg").symlink_to(tree / "nowhere.jpg")
    (tree / "self.jpg").symlink_to(tree / "self.jpg")
    (tree / "circle").symlink_to(tree / "circle")
    assert len(names(tree)) == 12
    assert reasons(tree) == {
        "circle": "cannot be read: Too many levels of symbolic links",
        "gone.jpg": "cannot be read: No such file or directory",
        "self.jpg": "cannot be read: Too many levels of symbolic links",
    }


def test_a_folder_that_cannot_be_read_is_passed_over(tree, monkeypatch):
    real = os.scandir

    def scandir(folder):
        if Path(folder) == tree / "b":
            raise PermissionError(13, "Permission denied")  # root may read everything: the tests may run as root
        return real(folder)

    monkeypatch.setattr("os.scandir", scandir)
    assert names(tree) == [f"photo-{n:03d}.png" for n in range(6)]
    assert reasons(tree) == {"b": "this folder cannot be read: Permission denied"}


def test_a_pipe_is_not_waited_for(tree):
    os.mkfifo(tree / "pipe.png")
    assert reasons(tree) == {"pipe.png": "neither a file nor a folder"}


def test_a_file_far_too_large_is_not_read(tree):
    with (tree / "sparse.png").open("wb") as file:
        file.truncate(20_000_000_000)
    assert reasons(tree) == {"sparse.png": "larger than 1 GB"}


def test_many_nested_folders(tmp_path):
    deep = tmp_path / "top"
    for _ in range(400):
        deep /= "d"
    write_photos(deep, [1])
    assert names(tmp_path / "top") == ["d/" * 400 + "photo-001.png"]


def test_names_of_any_bytes(tree, cache):
    photo = (tree / "photo-000.png").read_bytes()
    strange = ["-rf.png", "two\nlines.png", "cafe\u0301.png", "caf\u00e9.png", "[red].png", "x" * 251 + ".png",
               os.fsdecode(b"\xff\xfe.png"), r"\xff\xfe.png"]  # fmt: skip
    for number, name in enumerate(strange):
        (tree / name).write_bytes(photo + bytes(number + 1))  # different content, the same picture
    found = find_folder(tree)
    listed = [source.name for source in found.sources]
    assert len(set(listed)) == 20
    assert {"-rf.png", r"two\nlines.png", r"\xff\xfe.png", r"\xff\xfe.png'"} <= set(listed)
    assert all(name.isprintable() for name in listed)
    assert load_dataset_photos("folder", source=tree, size_px=32).report.used == 20


def test_the_stamp_follows_the_file(tree):
    before = {source.name: source.stamp for source in find_folder(tree).sources}
    os.utime(tree / "photo-003.png", ns=(0, 12345))
    after = {source.name: source.stamp for source in find_folder(tree).sources}
    assert {name for name in before if before[name] != after[name]} == {"photo-003.png"}


def test_refusals(tmp_path):
    with pytest.raises(ValueError, match="needs a folder of pictures: give it with --data"):
        find_folder(None)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        find_folder(tmp_path / "none")
    (tmp_path / "file.png").write_bytes(b"")
    with pytest.raises(NotADirectoryError, match="is a file; give the folder"):
        find_folder(tmp_path / "file.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no pictures in .*empty: give a folder with files such as"):
        find_folder(tmp_path / "empty")
    (tmp_path / "empty" / "a.jpg").symlink_to(tmp_path / "none")
    with pytest.raises(ValueError, match=r"1 passed over, such as a.jpg: cannot be read: No such file"):
        find_folder(tmp_path / "empty")


def pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    color = random_photo(seed, 32, 32)
    gray = np.repeat(np.asarray(Image.fromarray(color).convert("L"))[..., None], 3, axis=2)
    return gray, color


def write_pairs(folder, *, color_first=False):
    folder.mkdir()
    for seed in range(6):
        halves = pair(seed)[::-1] if color_first else pair(seed)
        Image.fromarray(np.concatenate(halves, axis=1)).save(folder / f"{seed}.png")
    return folder


@pytest.mark.parametrize(("color_first", "options"), [(False, {}), (True, {"half": "left"})])
def test_only_the_color_half_is_used(tmp_path, cache, color_first, options):
    folder = write_pairs(tmp_path / "pairs", color_first=color_first)
    photos = load_dataset_photos("paired", source=folder, size_px=32, **options)
    for side in (photos.train, photos.test):
        for name, pixels in zip(side.names, side.pixels):
            np.testing.assert_array_equal(pixels.transpose(1, 2, 0), pair(int(name[0]))[1])
    assert photos.report.gray == 0


def test_the_wrong_half_is_noticed(tmp_path, cache):
    folder = write_pairs(tmp_path / "pairs", color_first=True)
    with pytest.raises(ValueError, match=r"none of 6 pictures .*right half is gray .*use half='left'"):
        load_dataset_photos("paired", source=folder, size_px=32)


def test_no_pair_at_all():
    with pytest.raises(PhotoError, match="no side-by-side pair: 33 x 32"):
        color_half(random_photo(0, 33, 32), "right")
    with pytest.raises(PhotoError, match="no side-by-side pair: 20 x 32"):
        color_half(random_photo(0, 20, 32), "right")


def test_unknown_half(tree):
    with pytest.raises(ValueError, match="unknown half 'top'; known: right, left"):
        find_paired(tree, half="top")


def split_folder(root, val="val"):
    for side, seeds in (("train", range(6)), (val, range(6, 9))):
        (root / side).mkdir(parents=True)
        for seed in seeds:
            Image.fromarray(random_photo(seed, 32, 32)).save(root / side / f"{seed}.png")
    return root


@pytest.mark.parametrize("val", ["val", "validation"])
def test_sides_are_stated(tmp_path, cache, val):
    photos = load_dataset_photos("train-val", source=split_folder(tmp_path / "set", val), size_px=16)
    assert sorted(photos.test.names) == [f"{val}/{seed}.png" for seed in (6, 7, 8)]
    assert sorted(photos.train.names) == [f"train/{seed}.png" for seed in range(6)]


def test_equal_photos_test_and_near_duplicates_stay(tmp_path, cache):
    root = split_folder(tmp_path / "set")
    shutil.copy(root / "val" / "6.png", root / "train" / "copy.png")
    with Image.open(root / "val" / "7.png") as photo:
        photo.save(root / "train" / "again.jpg", quality=95)
    photos = load_dataset_photos("train-val", source=root, size_px=16)
    assert sorted(photos.test.names) == [f"val/{seed}.png" for seed in (6, 7, 8)]
    assert "train/again.jpg" in photos.train.names
    assert "train/copy.png" not in photos.train.names
    assert photos.report.moved == 0


def test_a_side_is_missing(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(ValueError, match=r"no train/ and val/ folders: .*published split"):
        find_train_val(tmp_path)
    (tmp_path / "val").mkdir()
    with pytest.raises(ValueError, match="no pictures"):
        find_train_val(tmp_path)


def test_a_hub_dataset_gives_its_splits(tmp_path, monkeypatch):
    def find_hub(source, *, split):
        if split == "validation":
            raise ValueError("Unknown split 'validation'")
        return Found([Source(f"{split}-{row}", bytes) for row in range(2)], place=f"{source} {split}")

    monkeypatch.setattr("colorbench.data.folder.find_hub", find_hub)
    found = find_train_val("someone/photos")
    assert found.held_out == {"val-0", "val-1"}
    assert len(found.sources) == 4
