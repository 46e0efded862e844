"""What a call for photos asks for: the files by content, the settings, the store's name; nothing decoded yet."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from colorbench.data.build import Plan, Progress
from colorbench.data.fit import make_preprocessing
from colorbench.data.listing import content_hashes
from colorbench.data.sources import Found, Source, cache_folder
from colorbench.data.split import SIDES, SPLIT_RULE, side_by_hash
from colorbench.data.store import Index
from colorbench.data.table import find_photos


@dataclass(frozen=True)
class Request:
    """A call for photos, resolved.

    Attributes:
        folder: of the store.
        files: how many were found; `unreadable` and `duplicates` are those that give no photo of their own.
    """

    plan: Plan
    folder: Path
    files: int
    unreadable: list[tuple[str, str]]
    duplicates: list[tuple[str, str]]

    def data_hash(self, index: Index) -> str:
        """sha256 over the photos used, how their pixels are made, and which side each is on."""
        photos = {side: index.photos[side] for side in SIDES}
        return _sha256({"photos": photos, "preprocessing": self.plan.settings.canonical(), "split": SPLIT_RULE})


def make_request(
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
) -> Request:
    """Lists and hashes the files. Arguments and errors: `load_dataset_photos`."""
    if not 0 < test_share < 1:
        raise ValueError(f"test_share must be between 0 and 1, got {test_share}")
    limits = {"train": limit_train, "test": limit_test}
    if any(limit is not None and limit < 1 for limit in limits.values()):
        raise ValueError(f"limits must be at least 1, or None for all; got {limits}")
    found = find_photos(dataset, source, options)
    settings = make_preprocessing(
        fit, size_px, store_px=store_px, tile_short_px=tile_short_px, min_px=min_px, half=found.half
    )
    cache = cache_folder(cache_dir)
    sources, duplicates, unreadable = _by_content(found, cache)
    held_out = sorted(content for content, one in sources.items() if one.name in found.held_out)
    split = {"share": test_share, "limits": limits, "held_out": held_out}
    key = {"photos": sorted(sources), "preprocessing": settings.canonical(), "rule": SPLIT_RULE, "split": split}
    plan = Plan(found, sources, settings, _side_rule(held_out, test_share), limits, on_progress)
    files = len(found.sources) + len(found.passed_over)
    return Request(plan, cache / "photos" / _sha256(key)[:32], files, unreadable, duplicates)


def _side_rule(held_out: list[str], test_share: float):
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


def _sha256(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
