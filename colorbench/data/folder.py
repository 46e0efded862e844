"""Datasets that are folders of pictures: `folder`, `paired`, `train-val`.

`folder` is any tree. It is read here, not by the datasets library's `imagefolder`: that takes seconds to import in
every cell and fails on a whole tree at its first damaged file. Links are followed, also those that lead out of the
folder (sets are often made of links); how many photos they give is reported.

`paired` has side-by-side pictures, gray left and color right (256 x 512). Only the color half is used: the gray input
is derived anew from the colors, the same way for every dataset.

`train-val` keeps a published split: photos of `train` train, photos of `val` (or `validation`) test.
It is a folder with the two inside, or a hub dataset with two such splits. Unlike elsewhere the sides are stated, not
hashed, and near-duplicates stay where the publication put them; a photo that is on both sides is a test photo.
"""

import os
import stat
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from colorbench.data.hub import find_hub
from colorbench.data.sources import Found, Source
from colorbench.files import PICTURE_ENDINGS, existing_folder, names_folder, printable
from colorbench.photo import MOST_FILE_BYTES, Photo8, PhotoError

HALVES = ("right", "left")
_JPEG_GRAY = 4  # largest channel difference that JPEG leaves in a gray half
_VAL = ("val", "validation")


@dataclass
class Tree:
    """What a folder holds, at any depth.

    Attributes:
        pictures: files with a picture's ending, in the order of their paths, each with its size and times.
        passed_over: (path, reason) of what cannot be read: files, folders, links.
        other_files: files with other endings.
        hidden: files and folders that are not looked at: their names begin with a dot, or with `__MACOSX`.
        outside: those of the pictures that are reached by a link that leads out of the folder.
    """

    pictures: dict[Path, os.stat_result] = field(default_factory=dict)
    passed_over: dict[Path, str] = field(default_factory=dict)
    other_files: list[Path] = field(default_factory=list)
    hidden: list[Path] = field(default_factory=list)
    outside: set[Path] = field(default_factory=set)


def scan_tree(root: Path) -> Tree:
    """Look through a folder. Links are followed, also out of it; each folder is read once, so loops of links end."""
    tree, visited, inside = Tree(), set(), os.path.join(os.path.realpath(root), "")
    pending = [(root, False)]
    while pending:
        folder, outside = pending.pop()
        try:
            status, entries = folder.stat(), sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            tree.passed_over[folder] = f"this folder cannot be read: {error.strerror}"
            continue
        if (status.st_dev, status.st_ino) in visited:
            continue
        visited.add((status.st_dev, status.st_ino))
        folders = []
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith((".", "__MACOSX")):
                tree.hidden.append(path)
                continue
            try:
                status = entry.stat()
            except OSError as error:
                tree.passed_over[path] = f"cannot be read: {error.strerror}"
                continue
            leads_out = outside or (entry.is_symlink() and not os.path.realpath(path).startswith(inside))
            if stat.S_ISDIR(status.st_mode):
                folders.append((path, leads_out))
            elif path.suffix.lower() not in PICTURE_ENDINGS:
                tree.other_files.append(path)
            elif not stat.S_ISREG(status.st_mode):
                tree.passed_over[path] = "neither a file nor a folder"
            elif status.st_size > MOST_FILE_BYTES:
                tree.passed_over[path] = f"larger than {MOST_FILE_BYTES / 1e9:g} GB"
            else:
                tree.pictures[path] = status
                if leads_out:
                    tree.outside.add(path)
        pending += reversed(folders)
    tree.pictures = dict(sorted(tree.pictures.items()))
    return tree


def find_folder(source: str | Path | None) -> Found:
    """Every file of the tree with a picture's ending, by relative name.

    Raises:
        FileNotFoundError, NotADirectoryError: no such folder.
        ValueError: no source, or no picture in it.
    """
    root = existing_folder(source)
    tree = scan_tree(root)
    sources: dict[str, Source] = {}
    for path, status in tree.pictures.items():
        name = printable(path.relative_to(root).as_posix())
        while name in sources:  # two names of other bytes may print alike
            name += "'"
        sources[name] = Source(name, partial(_read, path), f"{status.st_size}:{status.st_mtime_ns}")
    passed_over = [(printable(path.relative_to(root)), reason) for path, reason in tree.passed_over.items()]
    if not sources:
        what = f" ({len(passed_over)} passed over, such as {': '.join(passed_over[0])})" if passed_over else ""
        raise ValueError(
            f"no pictures in {printable(root)}{what}: give a folder with files such as .jpg, .png, .webp or .tif"
        )
    others = [printable(path.relative_to(root)) for path in tree.other_files]
    return Found(list(sources.values()), str(root.resolve()), passed_over, others, len(tree.outside))


def find_paired(source: str | Path | None, *, half: str = "right") -> Found:
    """The tree's pictures; each photo is its `half`, the one in color.

    Raises:
        ValueError: an unknown half, and what `folder` raises.
    """
    if half not in HALVES:
        raise ValueError(f"unknown half {half!r}; known: {', '.join(HALVES)}")
    found = find_folder(source)
    return replace(found, picture=partial(color_half, half=half), half=half)


def color_half(picture: Photo8, half: str) -> UInt8[np.ndarray, "h half_w 3"]:
    """The left or right half of the picture.

    Raises:
        PhotoError: the width is odd, or this half is gray while the other has color.
    """
    width = picture.shape[1]
    if width % 2 or width < picture.shape[0]:
        raise PhotoError(f"no side-by-side pair: {width} x {picture.shape[0]}, wanted two halves of equal width")
    left, right = picture[:, : width // 2], picture[:, width // 2 :]
    chosen, other = (left, right) if half == "left" else (right, left)
    if _is_gray(chosen) and not _is_gray(other):
        raise PhotoError(f"the {half} half is gray and the other in color: use half={HALVES[half == 'right']!r}")
    return np.ascontiguousarray(chosen)


def find_train_val(source: str | Path | None) -> Found:
    """Both sides, test photos first, so that they win over equal training photos.

    Raises:
        FileNotFoundError: no such folder or dataset.
        ValueError: one of the two sides is missing or empty.
    """
    at_home = source is None or names_folder(source)
    test, train = _folder_sides(existing_folder(source)) if at_home else _hub_sides(str(source))
    return Found(
        test.sources + train.sources,
        place=f"train-val {test.place} {train.place}",
        passed_over=test.passed_over + train.passed_over,
        other_files=test.other_files + train.other_files,
        linked_outside=test.linked_outside + train.linked_outside,
        held_out=frozenset(one.name for one in test.sources),
    )


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _is_gray(photo: np.ndarray) -> bool:
    spread = photo.max(axis=2) - photo.min(axis=2)
    return float(np.percentile(spread, 99)) <= _JPEG_GRAY


def _folder_sides(root: Path) -> list[Found]:
    val = next((name for name in _VAL if (root / name).is_dir()), None)
    if val is None or not (root / "train").is_dir():
        raise ValueError(
            f"{root} has no train/ and val/ folders: this suite follows a published split; "
            "put (or link) its training photos into train/ and its test photos into val/"
        )
    return [_named(find_folder(root / name), name) for name in (val, "train")]


def _hub_sides(source: str) -> list[Found]:
    try:
        test = find_hub(source, split="validation")
    except ValueError as error:
        if "validation" not in str(error):
            raise
        test = find_hub(source, split="val")
    return [test, find_hub(source, split="train")]


def _named(found: Found, side: str) -> Found:
    sources = [replace(one, name=f"{side}/{one.name}") for one in found.sources]
    passed_over = [(f"{side}/{name}", why) for name, why in found.passed_over]
    other_files = [f"{side}/{name}" for name in found.other_files]
    return replace(found, sources=sources, passed_over=passed_over, other_files=other_files)
