import os

import pytest

from colorbench.data.folder import find_folder
from tests.data.conftest import write_photos


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


def test_links_are_followed_and_loops_cut(tree, tmp_path):
    other = write_photos(tmp_path / "other", [50])
    (tree / "link").symlink_to(other)
    (tree / "b" / "loop").symlink_to(tree)
    (other / "back").symlink_to(tree)
    assert len(names(tree)) == 13


def test_broken_links_are_listed(tree):
    (tree / "gone.jpg").symlink_to(tree / "nowhere.jpg")
    found = find_folder(tree)
    assert len(found.sources) == 12
    assert found.passed_over == [("gone.jpg", "cannot be read: No such file or directory")]


def test_the_stamp_follows_the_file(tree):
    before = {source.name: source.stamp for source in find_folder(tree).sources}
    os.utime(tree / "photo-003.png", ns=(0, 12345))
    after = {source.name: source.stamp for source in find_folder(tree).sources}
    assert {name for name in before if before[name] != after[name]} == {"photo-003.png"}


def test_refusals(tmp_path):
    with pytest.raises(ValueError, match="needs a folder of pictures: --data PATH"):
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
    with pytest.raises(ValueError, match=r"1 cannot be read, such as a.jpg"):
        find_folder(tmp_path / "empty")
