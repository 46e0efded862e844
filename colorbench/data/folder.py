"""`folder`: any tree of pictures. Hidden files are left out, links followed once, loops of links cut.

The tree is read here, not by the datasets library's `imagefolder`: that takes seconds to import in every cell and gives
up a whole tree at its first damaged file.
"""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from colorbench.data.sources import Found, Source

SUFFIXES = frozenset(
    [
        ".avif",
        ".bmp",
        ".gif",
        ".jfif",
        ".jp2",
        ".jpe",
        ".jpeg",
        ".jpg",
        ".pbm",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".tga",
        ".tif",
        ".tiff",
        ".webp",
    ]
)


def find_folder(source: str | Path | None) -> Found:
    """Every file of the tree with a picture's suffix, by relative name.

    Raises:
        FileNotFoundError, NotADirectoryError: no such folder.
        ValueError: no source, or no picture in it.
    """
    root = _root(source)
    found, passed_over = [], []
    for path in sorted(_walk(root, set())):
        name = path.relative_to(root).as_posix()
        try:
            status = path.stat()
        except OSError as error:
            passed_over.append((name, f"cannot be read: {error.strerror}"))
            continue
        found.append(Source(name, partial(_read, path), f"{status.st_size}:{status.st_mtime_ns}"))
    if not found:
        raise ValueError(
            f"no pictures in {root}{_and_passed(passed_over)}: give a folder with files such as .jpg, .png, .webp or .tif"
        )
    return Found(found, place=str(root.resolve()), passed_over=passed_over)


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _and_passed(passed_over: list[tuple[str, str]]) -> str:
    return f" ({len(passed_over)} cannot be read, such as {passed_over[0][0]})" if passed_over else ""


def _root(source: str | Path | None) -> Path:
    if source is None:
        raise ValueError("this dataset needs a folder of pictures: --data PATH, or source=PATH")
    root = Path(source).expanduser()
    if not root.exists():
        raise FileNotFoundError(f"no such folder of pictures: {root}")
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is a file; give the folder that holds the pictures")
    return root


def _walk(folder: Path, visited: set[tuple[int, int]]) -> Iterator[Path]:
    """Pictures of the tree. `visited` holds the folders seen, so a link back to one of them is not followed."""
    status = folder.stat()
    if (status.st_dev, status.st_ino) in visited:
        return
    visited.add((status.st_dev, status.st_ino))
    with os.scandir(folder) as entries:
        inside = sorted((entry for entry in entries if not entry.name.startswith((".", "__MACOSX"))), key=_name)
    for entry in inside:
        if entry.is_dir():
            yield from _walk(Path(entry.path), visited)
        elif Path(entry.name).suffix.lower() in SUFFIXES:
            yield Path(entry.path)


def _name(entry: os.DirEntry) -> str:
    return entry.name
