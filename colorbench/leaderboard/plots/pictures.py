"""The pictures of a run folder: true photos and predictions by id, read through the package's one decoder."""

import hashlib
import re
from collections import Counter
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from colorbench.leaderboard.entries import Board, Entry
from colorbench.photo import PhotoError, decode_photo

MOST_SIDE = 512


def photo_names(board: Board) -> list[str]:
    """Ids of the true photos, in an order that no score decides (by the hash of the id)."""
    folder = board.folder / "references"
    if folder.is_symlink() or not folder.is_dir():
        return []
    names = [path.stem for path in folder.glob("*.png") if not path.is_symlink()]
    names.sort(key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    seen: Counter = Counter()  # one tile of every photo before a second of any
    turns = {name: seen.update([photo]) or seen[photo] for name in names for photo in [re.sub(r"-t\d+$", "", name)]}
    return sorted(names, key=turns.__getitem__)


def truth(board: Board, name: str) -> UInt8[np.ndarray, "h w 3"] | None:
    return _read(board.folder / "references" / f"{name}.png")


def prediction(entry: Entry, name: str) -> UInt8[np.ndarray, "h w 3"] | None:
    """The picture of the entry's first seed that has one."""
    for run in entry.runs:
        picture = _read(run.folder / "predictions" / f"{name}.png")
        if picture is not None:
            return picture
    return None


def _read(path: Path) -> UInt8[np.ndarray, "h w 3"] | None:
    if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
        return None
    try:
        return decode_photo(path)
    except PhotoError:
        return None


def lab_of(picture: UInt8[np.ndarray, "h w 3"]):
    """CIE Lab of one uint8 picture, `(3, h, w)`."""
    import torch

    from colorbench.color import rgb_to_lab

    rgb = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].float() / 255
    return rgb_to_lab(rgb)[0].numpy()


def gray_of(picture: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """What a generator is given: the photo's lightness, without colour."""
    import torch

    from colorbench.color import lab_to_rgb

    lab = torch.from_numpy(lab_of(picture))[None]
    lab[:, 1:] = 0
    rgb = lab_to_rgb(lab)[0].clamp(0, 1).numpy().transpose(1, 2, 0)
    return np.rint(rgb * 255).astype(np.uint8)


def delta_e_of(pred: UInt8[np.ndarray, "h w 3"], target: UInt8[np.ndarray, "h w 3"]):
    """CIE76 colour difference of every pixel, `(h, w)`: where a picture is wrong."""
    return np.sqrt(((lab_of(pred) - lab_of(target)) ** 2).sum(axis=0))


def colorfulness_of(picture: UInt8[np.ndarray, "h w 3"]) -> float:
    """Hasler and Suesstrunk's M3 of one uint8 picture, by the package's metric."""
    import torch

    from colorbench.metrics import colorfulness

    rgb = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].float() / 255
    return float(colorfulness(rgb)[0])


def reduced(picture: np.ndarray, most: int = MOST_SIDE) -> np.ndarray:
    """A picture no larger than `most` on its long side, for strips and pages."""
    from PIL import Image

    side = max(picture.shape[:2])
    if side <= most:
        return picture
    height, width = (max(1, round(n * most / side)) for n in picture.shape[:2])
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))
