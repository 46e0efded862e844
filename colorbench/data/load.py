"""`load_dataset_photos`: from a dataset's name to train and test photos in memory-mapped uint8; decoded once."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from colorbench.cell import Protocol
from colorbench.data.build import Plan, Progress, build
from colorbench.data.fit import Preprocessing, make_preprocessing
from colorbench.data.mixtures import Mixtures
from colorbench.data.photoset import EXACT_GRAY, PhotoSet
from colorbench.data.sources import Found, Source, content_hashes
from colorbench.data.split import SIDES, SPLIT_RULE, side_by_hash
from colorbench.data.store import Index, Store, open_or_build
from colorbench.data.table import dataset_row, find_photos
from colorbench.files import bytes_sha256, cache_folder
from colorbench.photo import DECODER


@dataclass(frozen=True)
class Report:
    """How the files that were found are used.

    Attributes:
        found, used: files seen (hidden ones are not looked at); different photos used.
        skipped: (name, reason) of pictures that give no photo, and of folders that cannot be read.
        duplicates: (name, name of the equal file that is used).
        other_files: names of files without a picture's ending.
        beyond_limits: photos that `limit_train` and `limit_test` leave out.
        linked_outside: pictures reached by links that lead out of the folder.
        pictures: rows of both sides: photos, or tiles of photos.
        gray: pictures that are exactly gray; colorless: those that are not `color_only`, the gray ones among them.
        moved: photos that follow a near-duplicate to the other side, or fill a side that would be empty.
    """

    found: int
    used: int
    pictures: int
    skipped: list[tuple[str, str]] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    other_files: list[str] = field(default_factory=list)
    beyond_limits: int = 0
    linked_outside: int = 0
    gray: int = 0
    colorless: int = 0
    moved: int = 0

    @property
    def left_out(self) -> dict[str, int]:
        """How many files are not used, by reason. With `used` they add up to `found`."""
        return {
            "unusable": len(self.skipped),
            "equal to another": len(self.duplicates),
            "beyond the limits": self.beyond_limits,
            "no pictures": len(self.other_files),
        }

    def usage(self) -> str:
        """How many photos are used and why the others are not, in one line."""
        parts = [f"{self.used} of {self.found - len(self.other_files)} photos used"]
        if self.pictures != self.used:
            parts.append(f"{self.pictures} tiles")
        if self.skipped:
            name, reason = self.skipped[0]
            parts.append(f"{len(self.skipped)} skipped (such as {name}: {reason})")
        if self.duplicates:
            parts.append(f"{len(self.duplicates)} equal files left out")
        if self.beyond_limits:
            parts.append(f"{self.beyond_limits} beyond the limits")
        if self.other_files:
            parts.append(f"{len(self.other_files)} other files (such as {self.other_files[0]})")
        if self.linked_outside:
            parts.append(f"{self.linked_outside} reached by links that lead out of the folder")
        if self.colorless:
            parts.append(f"{self.gray} gray and {self.colorless - self.gray} nearly colorless pictures flagged")
        return ", ".join(parts)


@dataclass(frozen=True, eq=False)
class Photos:
    """Both sides of a dataset, ready to load.

    Attributes:
        hash: the data hash of a record: sha256 over the photos' content, the preprocessing and the split; no names.
    """

    train: PhotoSet
    test: PhotoSet
    hash: str
    report: Report


def load_dataset_photos(
    dataset: str,
    *,
    source: str | Path | None = None,
    size_px: int,
    fit: str = "crop",
    store_px: int | None = None,
    tile_short_px: int | None = None,
    min_px: int | None = None,
    test_share: float = 0.2,
    limit_train: int | None = None,
    limit_test: int | None = None,
    cache_dir: str | Path | None = None,
    on_progress: Progress | None = None,
    **options,
) -> Photos:
    """Train and test photos of a dataset; decoded at the first call, memory-mapped at every later one.

    Args:
        dataset: a key of DATASETS.
        source: folder or hub id; None for `embedded`.
        size_px: side of the pictures.
        fit: "crop", "squash" or "tiles" (of photos scaled to `tile_short_px`, by default five tiles).
        store_px: side of the stored training pictures, when random crops of `size_px` want a margin.
        min_px: refuse photos whose short side is shorter; by default half of what they are scaled to.
        test_share: expected share of test photos. `embedded` states its test photos instead.
        limit_train, limit_test: most pictures of a side: the smallest hashes; of tiles some of every photo.
        cache_dir: default COLORBENCH_CACHE or the user's cache folder.
        on_progress: called with (photos done, photos in all) while decoding.
        options: what this dataset takes besides, such as `half="left"` of `paired`.

    Raises:
        KeyError: unknown dataset or option.
        ValueError, FileNotFoundError, ConnectionError: nothing usable there; the message says what to do.
        OSError: no space or no permission to write the decoded photos.
    """
    row, cache = dataset_row(dataset, options), cache_folder(cache_dir)
    if row.generated:
        wanted = row.find(source, size_px=size_px, store_px=store_px, limit_train=limit_train, limit_test=limit_test)
        return _generated(wanted, cache, on_progress)
    if not 0 < test_share < 1:
        raise ValueError(f"test_share must be between 0 and 1, got {test_share}")
    limits = {"train": limit_train, "test": limit_test}
    if any(limit is not None and limit < 1 for limit in limits.values()):
        raise ValueError(f"limits must be at least 1, or None for all; got {limits}")
    found = find_photos(dataset, source, options)
    settings = make_preprocessing(
        fit, size_px, store_px=store_px, tile_short_px=tile_short_px, min_px=min_px, half=found.half
    )
    request = _request(found, settings, test_share, limits, cache, on_progress)
    return _photos(request, open_or_build(request.folder, partial(build, request.plan)))


def load_protocol_photos(
    protocol: Protocol, source: str | Path | None = None, on_progress: Progress | None = None
) -> Photos:
    """The photos that a protocol names, split and fitted as it says. Errors: `load_dataset_photos`."""
    return load_dataset_photos(
        protocol.dataset,
        source=source,
        size_px=protocol.size_px,
        fit=protocol.fit,
        test_share=protocol.test_share,
        limit_train=protocol.limit_train,
        limit_test=protocol.limit_test,
        on_progress=on_progress,
    )


@dataclass(frozen=True)
class _Request:
    """A call for photos, resolved.

    Attributes:
        folder: of the store.
        unreadable, duplicates: files that give no photo of their own.
    """

    plan: Plan
    folder: Path
    unreadable: list[tuple[str, str]]
    duplicates: list[tuple[str, str]]

    def data_hash(self, index: Index) -> str:
        """sha256 over the photos used, how their pixels are made, and which side each is on."""
        photos = {side: index.photos[side] for side in SIDES}
        return _json_sha256({"photos": photos, "preprocessing": self.plan.settings.canonical(), "split": SPLIT_RULE})


def _request(
    found: Found,
    settings: Preprocessing,
    test_share: float,
    limits: dict[str, int | None],
    cache: Path,
    on_progress: Progress | None,
) -> _Request:
    """Hash the files and name the store that holds what is made of them."""
    sources, duplicates, unreadable = _by_content(found, cache)
    held_out = sorted(content for content, one in sources.items() if one.name in found.held_out)
    split = {"share": test_share, "limits": limits, "held_out": held_out}
    key = {
        "photos": sorted(sources),
        "preprocessing": settings.canonical(),
        "rule": SPLIT_RULE,
        "split": split,
        "decoder": DECODER,
    }
    plan = Plan(found, sources, settings, _side_rule(held_out, test_share), limits, on_progress)
    return _Request(plan, cache / "photos" / _json_sha256(key)[:32], unreadable, duplicates)


def _side_rule(held_out: list[str], test_share: float) -> Callable[[str], str]:
    if stated := frozenset(held_out):
        return lambda content_hash: "test" if content_hash in stated else "train"
    return lambda content_hash: side_by_hash(content_hash, test_share)


def _by_content(found: Found, cache: Path) -> tuple[dict[str, Source], list, list]:
    """One source per content; equal files and unreadable ones apart."""
    sources: dict[str, Source] = {}
    duplicates, unreadable = [], list(found.passed_over)
    hashes = content_hashes(found, cache)
    for one in found.sources:
        content = hashes[one.name]
        if isinstance(content, OSError):
            unreadable.append((one.name, f"cannot be read: {content.strerror or content}"))
        elif content in sources:
            duplicates.append((one.name, sources[content].name))
        else:
            sources[content] = one
    if not sources:
        raise ValueError(f"none of {len(found.sources)} pictures can be read (such as {unreadable[0]})")
    return sources, duplicates, unreadable


def _json_sha256(content: dict) -> str:
    return bytes_sha256(json.dumps(content, sort_keys=True).encode())


def _generated(wanted: Mixtures, cache: Path, on_progress: Progress | None) -> Photos:
    """Scenes drawn into a store at the first call, with what they were made of."""
    folder = cache / "photos" / wanted.sha256[:32]
    store = open_or_build(folder, partial(wanted.build, on_progress=on_progress))
    sets = {}
    for side in SIDES:
        content = list(store.index.photos[side])
        flags = np.array(store.index.flags[side], dtype=np.uint8)
        names = [f"{side} scene {number}" for number in range(len(content))]
        ids = [content_hash[:16] for content_hash in content]
        sets[side] = PhotoSet(store.pixels[side], ids, names, flags, wanted.truth(side))
    count = sum(len(one) for one in sets.values())
    whole = _json_sha256({"scenes": wanted.sha256, "photos": {side: list(store.index.photos[side]) for side in SIDES}})
    return Photos(sets["train"], sets["test"], whole, Report(found=count, used=count, pictures=count))


def _photos(request: _Request, store: Store) -> Photos:
    sets = {side: _side(request, store, side) for side in SIDES}
    return Photos(sets["train"], sets["test"], request.data_hash(store.index), _report(request, store.index))


def _side(request: _Request, store: Store, side: str) -> PhotoSet:
    index, tiled = store.index, request.plan.settings.fit == "tiles"
    content = [content_hash for content_hash, rows in index.photos[side].items() for _ in range(rows)]
    ends = [f"-t{tile:03d}" if tiled else "" for tile in index.tiles[side]]
    ids = [content_hash[:16] + end for content_hash, end in zip(content, ends)]
    names = [request.plan.sources[content_hash].name + end for content_hash, end in zip(content, ends)]
    return PhotoSet(store.pixels[side], ids, names, np.array(index.flags[side], dtype=np.uint8))


def _report(request: _Request, index: Index) -> Report:
    flags = [flag for side in SIDES for flag in index.flags[side]]
    found, used = request.plan.found, {one for side in SIDES for one in index.photos[side]}
    unusable = [(request.plan.sources[one].name, reason) for one, reason in index.skipped.items()]
    return Report(
        found=len(found.sources) + len(found.passed_over) + len(found.other_files),
        used=len(used),
        skipped=sorted(request.unreadable + unusable),
        duplicates=request.duplicates,
        other_files=found.other_files,
        beyond_limits=len(request.plan.sources.keys() - used - index.skipped.keys()),
        linked_outside=found.linked_outside,
        pictures=len(flags),
        gray=sum(bool(flag & EXACT_GRAY) for flag in flags),
        colorless=sum(flag != 0 for flag in flags),
        moved=index.moved,
    )
