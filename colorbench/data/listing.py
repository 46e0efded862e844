"""Content hashes of a dataset's files, remembered by name, size and time, so an unchanged tree is not read again."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

from colorbench.data.sources import Found, Source
from colorbench.data.write import write_atomically

T, R = TypeVar("T"), TypeVar("R")

_RACY_NS = 2_000_000_000  # a file changed so shortly before it was hashed may change again within one time stamp


def workers() -> int:
    """Threads for reading and decoding: the processors this process may use, at most 16."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(16, available)


def in_order(function: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """`map` in threads, results in order, never more than a few ahead; leaving it early cancels the rest."""
    items = iter(items)
    with ThreadPoolExecutor(threads, thread_name_prefix="colorbench-decode") as pool:
        pending = [pool.submit(function, item) for item in islice(items, 4 * threads)]
        try:
            while pending:
                yield pending.pop(0).result()
                pending.extend(pool.submit(function, item) for item in islice(items, 1))
        finally:
            for future in pending:
                future.cancel()


def content_hashes(found: Found, cache: Path) -> dict[str, str | OSError]:
    """sha256 of every source by name; an OSError where the file cannot be read."""
    index = cache / "listings" / f"{hashlib.sha256(found.place.encode()).hexdigest()[:24]}.json"
    known = _remembered(index)
    trusted = {source.name: known[source.name][1] for source in found.sources if _is_known(source, known)}
    unknown = [source for source in found.sources if source.name not in trusted]
    hashed = dict(zip((source.name for source in unknown), in_order(_sha256, unknown, workers())))
    if unknown or len(known) != len(found.sources):
        _remember(index, found.sources, {**trusted, **hashed})
    return {source.name: trusted.get(source.name) or hashed[source.name] for source in found.sources}


def _sha256(source: Source) -> str | OSError:
    try:
        return hashlib.sha256(source.read()).hexdigest()
    except OSError as error:
        return error


def _is_known(source: Source, known: dict) -> bool:
    return bool(source.stamp) and source.name in known and known[source.name][0] == source.stamp


def _remembered(index: Path) -> dict[str, list[str]]:
    try:
        return json.loads(index.read_text())
    except (OSError, ValueError):
        return {}


def _remember(index: Path, sources: list[Source], hashes: dict[str, str | OSError]) -> None:
    """Kept for the next call. A cache that cannot be written costs time later, nothing else."""
    now = time.time_ns()
    kept = {
        source.name: (source.stamp, hashes[source.name])
        for source in sources
        if isinstance(hashes[source.name], str) and source.stamp and not _is_racy(source.stamp, now)
    }
    with suppress(OSError):
        write_atomically(index, json.dumps(kept).encode())


def _is_racy(stamp: str, now_ns: int) -> bool:
    changed = stamp.rpartition(":")[2]
    return changed.isdigit() and int(changed) > now_ns - _RACY_NS
