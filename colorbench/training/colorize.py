"""Colorize photos of any size with a finished checkpoint, or with published weights (`official:eccv16`).

Nothing in a checkpoint is executed: safetensors and names.
"""

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.data.folder import scan_tree
from colorbench.errors import mistyped, unknown_name
from colorbench.files import printable, write_atomically
from colorbench.generators import GENERATORS, build_generator
from colorbench.generators.official import FILES, MARK
from colorbench.photo import decode_photo
from colorbench.training.checkpoint import load_generator
from colorbench.training.evaluate import to_uint8
from colorbench.training.heads import apply_head, with_true_lightness

_MOST_NAME_BYTES = 255
OFFICIAL_SIZE_PX = 256
"""What the authors of the published weights trained at."""


@dataclass(frozen=True)
class Colorizer:
    """A generator in eval mode with its head and the size it was trained at."""

    model: nn.Module
    head: str
    size_px: int

    @torch.inference_mode()
    def __call__(self, photo: np.ndarray, size_px: int | None = None) -> np.ndarray:
        """Colorize one photo, uint8 `(h, w, 3)` in and out.

        The generator sees it with its short side at `size_px` (default: as trained); the ab it gives is enlarged to the
        photo and put under the photo's own lightness, so no detail is lost.
        """
        device = next(self.model.parameters()).device
        whole = Batch.from_rgb(torch.from_numpy(photo).permute(2, 0, 1)[None].to(device))
        scale = min(1.0, (size_px or self.size_px) / min(photo.shape[:2]))
        size = [max(16, round(side * scale)) for side in photo.shape[:2]]
        small = torch.nn.functional.interpolate(
            whole.rgb, size, mode="bilinear", antialias=True, align_corners=False
        ).clamp(0, 1)
        seen = Batch.from_rgb(small)
        output = apply_head(self.head, self.model(seen.gray), seen)
        ab = (with_true_lightness(output, seen) if self.head == "rgb" else output).ab
        ab = torch.nn.functional.interpolate(ab, photo.shape[:2], mode="bilinear", align_corners=False)
        colored: Tensor = to_uint8(Output.from_ab(ab, whole.lightness).rgb)[0]
        return colored.permute(1, 2, 0).cpu().numpy()


def load_colorizer(checkpoint: Path | str, device: torch.device | str = "cpu") -> Colorizer:
    """The generator of a `checkpoint.safetensors` written by a run, or `official:KEY`, for photos of any size.

    Raises:
        ValueError: not a checkpoint of colorbench.
        KeyError: a KEY without published weights; lists those with some.
        WeightsMissing: the published weights are unavailable.
    """
    kind, _, key = str(checkpoint).partition(":")
    if kind == MARK and key:
        return load_official_colorizer(key, device)
    model, head, cell = load_generator(checkpoint, device)
    return Colorizer(model, head, cell.recipe.size_px or cell.protocol.size_px)


def load_official_colorizer(key: str, device: torch.device | str = "cpu") -> Colorizer:
    """The generator of this key with its authors' weights, see `colorbench.generators.official`."""
    if key not in FILES:
        raise unknown_name("official network", key, FILES)
    row = GENERATORS[key]
    model = build_generator(key, row.out_channels, pretrained=MARK).requires_grad_(False)
    return Colorizer(model.to(device).eval(), row.head, OFFICIAL_SIZE_PX)


@dataclass
class Colorized:
    """What each photo gave: a picture written now, one that was there before, or the reason why none."""

    written: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    refused: dict[Path, str] = field(default_factory=dict)
    passed_over: dict[Path, str] = field(default_factory=dict)


def colorize(
    checkpoint: Path | str,
    photos: Sequence[Path],
    out: Path,
    *,
    device: torch.device | str = "cpu",
    size_px: int | None = None,
    overwrite: bool = False,
    on_photo: Callable[[Path, Path | None, str], None] | None = None,
) -> Colorized:
    """Colorize photo files and all photos of folders into PNG files below `out`.

    A photo of a folder keeps its path below that folder. What is in `out` already is kept, unless `overwrite`.

    Args:
        on_photo: told (photo, its picture or None, why there is none) for each.

    Raises:
        ValueError: no checkpoint, no photo, or a picture would be written onto one of the photos.
    """
    report = Colorized()
    targets = plan_pictures(photos, out, report.passed_over)
    colorizer = load_colorizer(checkpoint, device)
    tell = on_photo or (lambda photo, target, problem: None)
    for path, target in targets.items():
        if target.exists() and not overwrite:
            report.kept.append(target)
            continue
        try:
            colored = colorizer(decode_photo(path), size_px)
        except ValueError as error:
            report.refused[path] = str(error)
            tell(path, None, str(error))
            continue
        picture = io.BytesIO()
        Image.fromarray(colored).save(picture, format="PNG")
        write_atomically(target, picture.getvalue(), durable=False)
        report.written.append(target)
        tell(path, target, "")
    return report


def plan_pictures(photos: Sequence[Path], out: Path, passed_over: dict[Path, str] | None = None) -> dict[Path, Path]:
    """Which picture each photo becomes. Photos of one name get numbers: `a.png`, `a-2.png`.

    Args:
        photos: files, and folders that are searched through.
        out: where the pictures go; when it lies in one of the folders, its files are not photos.
        passed_over: gets the files in folders that are not photos, each with the reason.

    Raises:
        ValueError: a path that does not exist, no photo at all, or a picture that would be written onto a photo.
    """
    if absent := [path for path in photos if not path.exists()]:
        near = mistyped(absent[0]) if len(absent) == 1 else ""
        raise ValueError(f"no such file or folder: {', '.join(map(printable, absent))}{near}")
    several = sum(path.is_dir() for path in photos) > 1
    wanted: dict[Path, Path] = {}
    for path in photos:
        if path.is_dir():
            start = Path(path.resolve().name) if several else Path()
            for photo in _photos_in(path, out, {} if passed_over is None else passed_over):
                wanted.setdefault(photo, start / photo.relative_to(path))
        else:
            wanted.setdefault(path, Path(path.name))
    if not wanted:
        raise ValueError(
            f"no photos in {', '.join(map(printable, photos))}; give photo files or folders that hold some"
        )
    targets = _numbered({photo: out / relative.with_suffix(".png") for photo, relative in wanted.items()})
    inputs = {(status.st_dev, status.st_ino) for status in (photo.stat() for photo in targets)}
    for target in targets.values():
        if target.exists() and ((status := target.stat()).st_dev, status.st_ino) in inputs:
            raise ValueError(f"{printable(target)} is one of the photos and would be replaced: choose another --out")
    return targets


def _photos_in(folder: Path, out: Path, passed_over: dict[Path, str]) -> list[Path]:
    """Photos of a tree in order of their names, without hidden files and without what `out` in it holds."""
    tree = scan_tree(folder)
    passed_over |= tree.passed_over
    passed_over |= dict.fromkeys(tree.hidden, "hidden")
    for path in tree.other_files:
        passed_over[path] = f"{path.suffix} is not the ending of a picture file" if path.suffix else "it has no ending"
    if folder.resolve() not in out.resolve().parents:
        return list(tree.pictures)
    return [path for path in tree.pictures if out.resolve() not in path.resolve().parents]


def _named(target: Path, ending: str) -> Path:
    """The target's name with another ending, cut to the bytes that file systems take."""
    stem = os.fsencode(target.stem)[: _MOST_NAME_BYTES - len(ending)]
    return target.with_name(stem.decode("utf-8", "ignore" if _is_unicode(target.stem) else "surrogateescape") + ending)


def _is_unicode(name: str) -> bool:
    return not any("\udc80" <= letter <= "\udcff" for letter in name)


def _numbered(targets: dict[Path, Path]) -> dict[Path, Path]:
    """The targets, a number added where two are one; also on file systems that take `A` and `a` for the same."""
    taken: set[str] = set()
    found = {}
    for photo, target in targets.items():
        candidate, number = _named(target, target.suffix), 1
        while str(candidate).casefold() in taken:
            number += 1
            candidate = _named(target, f"-{number}{target.suffix}")
        taken.add(str(candidate).casefold())
        found[photo] = candidate
    return found
