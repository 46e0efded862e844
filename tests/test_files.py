import hashlib
import os
import stat
import subprocess
import sys

import pytest

from colorbench.files import (
    LONGEST_SLUG,
    PICTURE_ENDINGS,
    Busy,
    bytes_sha256,
    cache_folder,
    existing_folder,
    file_sha256,
    hold,
    is_held,
    names_folder,
    read_file,
    remove,
    slug,
    write_atomically,
    write_run_file,
)


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_whole(tmp_path, durable):
    target = tmp_path / "deep" / "file"
    for content in (b"old", b"new, and longer"):
        write_atomically(target, content, durable)
        assert target.read_bytes() == content
    assert [path.name for path in target.parent.iterdir()] == ["file"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~mask  # as open() would have made it


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / "file"
    write_atomically(target, b"old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


HOLDER = """
import sys
from pathlib import Path
from colorbench.files import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_held_folder_is_busy_until_its_process_dies(tmp_path):
    folder = tmp_path / "unet" / "seed-0"
    assert not is_held(folder)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert is_held(folder)
        with (
            pytest.raises(Busy, match="unet/seed-0 is being run by another process"),
            hold(folder, timeout_seconds=0.0),
        ):
            pass
    finally:
        holder.kill()
        holder.communicate()
    assert not is_held(folder)
    with hold(folder):
        pass


def test_hashes_of_content(tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(content)
    assert bytes_sha256(content) == file_sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_slugs_are_short_and_differ():
    assert slug("l1") == "l1"
    long = [slug(f"100*l1 + {'very-' * 60}{end}") for end in ("a", "b")]
    assert len(set(long)) == 2
    assert all(len(one) <= LONGEST_SLUG for one in long)


def test_endings_are_lower_case_and_sorted():
    assert sorted(set(PICTURE_ENDINGS)) == list(PICTURE_ENDINGS)
    assert all(ending == ending.lower() and ending.startswith(".") for ending in PICTURE_ENDINGS)


def test_a_name_without_an_owner_and_a_path_below_a_folder_that_is_there_are_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    folders = ("photos", "photso", "photos/none", "photos@main", "a b/c", "~/photos", "./none", "a/b/c")
    assert [names_folder(source) for source in folders] == [True] * len(folders)
    assert not any(names_folder(source) for source in ("owner/name", "owner/name.2@v1.0"))
    with pytest.raises(FileNotFoundError, match=r"photso \(a Hugging Face .* OWNER/NAME\); did you mean 'photos'\?$"):
        existing_folder("photso")
    with pytest.raises(FileNotFoundError, match=r"pictures: nothing$"):
        existing_folder("./nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="file is a file; give the folder"):
        existing_folder("file")


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path / "chosen"))
    assert cache_folder() == tmp_path / "chosen"
    assert cache_folder(tmp_path) == tmp_path
    monkeypatch.delenv("COLORBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == tmp_path / "xdg" / "colorbench"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder().parts[-3:] == ("Library", "Caches", "colorbench")
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_folder() == tmp_path / "local" / "colorbench"


@pytest.mark.timeout(20)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        for read in (read_file, file_sha256):
            with pytest.raises(OSError, match=f"{name} is no regular file: remove it"):
                read(tmp_path / name)
    (tmp_path / "file").write_bytes(b"content")
    assert read_file(tmp_path / "file") == b"content"


def put(path, kind):
    """Something that is no regular file: a folder that holds one, a named pipe, or a link."""
    if kind == "folder":
        write_atomically(path / "inside", b"old")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"loop": path.name, "dangling link": "absent", "link to a folder": "kept"}[kind])


KINDS = ("folder", "pipe", "loop", "dangling link", "link to a folder")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_a_run_takes_the_place_of_whatever_holds_its_name(tmp_path, kind):
    write_atomically(tmp_path / "kept" / "file", b"kept")
    put(tmp_path / "name", kind)
    write_run_file(tmp_path / "name", b"new")
    assert read_file(tmp_path / "name") == b"new"
    assert not (tmp_path / "name").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "name"]
    assert read_file(tmp_path / "kept" / "file") == b"kept"


def test_a_file_of_anybody_never_takes_the_place_of_a_folder(tmp_path):
    put(tmp_path / "name", "folder")
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "name", b"new")
    assert read_file(tmp_path / "name" / "inside") == b"old"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_removed_is_never_what_a_link_leads_to(tmp_path, kind):
    write_atomically(tmp_path / "kept" / "file", b"kept")
    put(tmp_path / "name", kind)
    for _ in range(2):
        remove(tmp_path / "name")
        assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert read_file(tmp_path / "kept" / "file") == b"kept"
