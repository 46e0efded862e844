"""Fill a store: decode every photo once, in threads; then decide the sides, which near-duplicates may change."""

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from colorbench.data.fit import Preprocessing, fit_photo
from colorbench.data.photoset import color_flags, map_pixels
from colorbench.data.sources import Found, Source, in_order, workers
from colorbench.data.split import SIDES, perceptual_hash, split_sides
from colorbench.data.store import Index, need_room, sync
from colorbench.files import bytes_sha256
from colorbench.photo import PhotoError, decode_photo

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Plan:
    """What to decode.

    Attributes:
        sources: one file per content hash.
        side_alone: the side that a content hash gives by itself.
        limits: most rows per side, None for all.
    """

    found: Found
    sources: dict[str, Source]
    settings: Preprocessing
    side_alone: Callable[[str], str]
    limits: dict[str, int | None]
    on_progress: Progress | None = None

    def hashes(self, side: str) -> list[str]:
        """Photos of one side by their own hash, ascending."""
        return sorted(content_hash for content_hash in self.sources if self.side_alone(content_hash) == side)

    def most_photos(self, side: str) -> int:
        """How many photos this side can take before its limit; tiles are limited only when all are known."""
        limit = None if self.settings.fit == "tiles" else self.limits[side]
        count = len(self.hashes(side))
        return count if limit is None else min(count, limit)


@dataclass(frozen=True, eq=False)
class _Photo:
    """One decoded photo, or why there is none. `part` and `first` say where its rows lie among the decoded."""

    content_hash: str
    rows: np.ndarray | None = None
    problem: str = ""
    perceptual: int | None = None
    flags: tuple[int, ...] = ()
    checksums: tuple[int, ...] = ()
    part: str = ""
    first: int = 0


def build(plan: Plan, folder: Path) -> Index:
    """Write `train.u8` and `test.u8` into the folder and return what they hold.

    Raises:
        ValueError: no usable photo, or too few for a split.
        OSError: the disk is full.
    """
    need_room(folder, sum(plan.most_photos(side) * 3 * plan.settings.side_px(side) ** 2 for side in SIDES))
    photos = list(_decode_sides(plan, folder))
    skipped = {photo.content_hash: photo.problem for photo in photos if photo.problem}
    usable = sorted((photo for photo in photos if not photo.problem), key=lambda photo: photo.content_hash)
    if not usable:
        raise ValueError(_nothing_usable(plan, skipped))
    alike = [None if plan.found.held_out else p.perceptual for p in usable]  # a stated split stays as stated
    sides = split_sides([p.content_hash for p in usable], alike, plan.side_alone)
    settled = {side: _settle(plan, side, [p for p, s in zip(usable, sides) if s == side]) for side in SIDES}
    parts = {side: _map_part(plan, folder, side) for side in SIDES}
    for side in SIDES:
        _write_side(folder, side, settled[side], parts)
    for side in SIDES:
        (folder / f"{side}.part").unlink(missing_ok=True)
    moved = sum(side != plan.side_alone(photo.content_hash) for side, photo in zip(sides, usable))
    return _index(plan, settled, skipped, moved)


def _nothing_usable(plan: Plan, skipped: dict[str, str]) -> str:
    reasons = [f"{plan.sources[content_hash].name}: {why}" for content_hash, why in list(skipped.items())[:3]]
    return f"none of {len(plan.sources)} pictures can be used ({'; '.join(reasons)}); give other pictures"


def _decode_sides(plan: Plan, folder: Path) -> Iterator[_Photo]:
    """Every photo up to the limits; its rows go to the part file of the side that its hash alone gives it."""
    done, total = 0, sum(plan.most_photos(side) for side in SIDES)
    for side in SIDES:
        first, most = 0, plan.most_photos(side)
        usable = 0
        results = in_order(lambda one, side=side: _decode(plan, one, side), plan.hashes(side), workers())
        with open(folder / f"{side}.part", "wb") as part, closing(results):
            for photo in results if most else ():
                done += 1
                if plan.on_progress is not None:
                    plan.on_progress(done, max(total, done))
                if photo.rows is None:
                    yield photo
                    continue
                part.write(photo.rows.data)
                yield replace(photo, rows=None, part=side, first=first)
                first, usable = first + len(photo.rows), usable + 1
                if usable == most:
                    break
            sync(part)


def _decode(plan: Plan, content_hash: str, side: str) -> _Photo:
    least_px = None if plan.found.picture else plan.settings.least_px(side)
    try:
        photo = decode_photo(plan.sources[content_hash].read(), least_px=least_px)
        photo = plan.found.picture(photo) if plan.found.picture else photo
        rows = fit_photo(photo, plan.settings, side)
    except PhotoError as error:
        return _Photo(content_hash, problem=str(error))
    except OSError as error:
        return _Photo(content_hash, problem=f"cannot be read: {error.strerror or error}")
    flags, checksums = tuple(map(color_flags, rows)), tuple(map(zlib.crc32, rows))
    return _Photo(content_hash, rows, "", perceptual_hash(photo), flags, checksums)


def _settle(plan: Plan, side: str, photos: list[_Photo]) -> list[tuple[_Photo, list[int]]]:
    """The final photos of this side, each with the tiles it keeps."""
    differ = plan.settings.side_px("train") != plan.settings.side_px("test")
    photos = [_decode(plan, p.content_hash, side) if differ and p.part != side else p for p in photos]
    rows = [(photo, tile) for photo in photos for tile in range(len(photo.checksums))]
    limit = plan.limits[side]
    if limit is not None and len(rows) > limit:
        spread = plan.settings.fit == "tiles"
        rows = sorted(rows, key=_tile_rank)[:limit] if spread else rows[:limit]
    kept: dict[str, list[int]] = {}
    for photo, tile in rows:
        kept.setdefault(photo.content_hash, []).append(tile)
    return [(photo, sorted(kept[photo.content_hash])) for photo in photos if photo.content_hash in kept]


def _tile_rank(row: tuple[_Photo, int]) -> str:
    """A limited number of tiles is spread over all photos: by a hash of photo and tile."""
    return bytes_sha256(f"{row[0].content_hash} {row[1]}".encode())


def _map_part(plan: Plan, folder: Path, side: str) -> np.ndarray:
    path, size_px = folder / f"{side}.part", plan.settings.side_px(side)
    return map_pixels(path, path.stat().st_size // (3 * size_px**2), size_px)


def _write_side(folder: Path, side: str, settled: list[tuple[_Photo, list[int]]], parts: dict[str, np.ndarray]) -> None:
    """Rename the part file when it needs no change, which is the usual case; else copy row by row."""
    places = [(photo.part, photo.first + tile) for photo, tiles in settled for tile in tiles]
    if places == [(side, row) for row in range(len(parts[side]))]:
        os.replace(folder / f"{side}.part", folder / f"{side}.u8")
        return
    with open(folder / f"{side}.u8", "wb") as file:
        for photo, tiles in settled:
            for tile in tiles:
                row = parts[photo.part][photo.first + tile] if photo.rows is None else photo.rows[tile]
                file.write(row.data)
        sync(file)


def _index(
    plan: Plan, settled: dict[str, list[tuple[_Photo, list[int]]]], skipped: dict[str, str], moved: int
) -> Index:
    return Index(
        photos={side: {p.content_hash: len(tiles) for p, tiles in settled[side]} for side in SIDES},
        tiles={side: [tile for _, tiles in settled[side] for tile in tiles] for side in SIDES},
        flags={side: [p.flags[tile] for p, tiles in settled[side] for tile in tiles] for side in SIDES},
        checksums={side: [p.checksums[tile] for p, tiles in settled[side] for tile in tiles] for side in SIDES},
        size_px={side: plan.settings.side_px(side) for side in SIDES},
        skipped=skipped,
        moved=moved,
    )
