"""What a dataset finds before anything is decoded: named pictures, their content hashes, and what was passed over."""

import json
import os
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from colorbench.files import bytes_sha256, write_atomically
from colorbench.machine import cores
from colorbench.photo import Photo8

T = TypeVar("T")
R = TypeVar("R")

_RECENT_NS = 2_000_000_000  # a file that changed this shortly before it was hashed may change within one time stamp


@dataclass(frozen=True)
class Source:
    """One picture file.

    Attributes:
        name: for people: relative path, row number.
        read: returns its bytes.
        stamp: changes when the content may have changed (size and time); "" is never trusted.
    """

    name: str
    read: Callable[[], bytes]
    stamp: str = ""


@dataclass(frozen=True)
class Found:
    """Everything one dataset has.

    Attributes:
        place: names this tree or hub id on this machine; only for the cache, never recorded.
        passed_over: (name, reason) of pictures that cannot be read, as far as listing tells, and of such folders.
        other_files: names of files without a picture's ending.
        linked_outside: how many of the sources are reached by links that lead out of the folder.
        picture: cuts the photo out of a decoded picture (the color half of a pair); None takes it whole.
        half: which half `picture` takes, "" for none.
        held_out: names of the test photos when the dataset states them.
    """

    sources: list[Source]
    place: str
    passed_over: list[tuple[str, str]] = field(default_factory=list)
    other_files: list[str] = field(default_factory=list)
    linked_outside: int = 0
    picture: Callable[[Photo8], Photo8] | None = None
    half: str = ""
    held_out: frozenset[str] = frozenset()


def content_hashes(found: Found, cache: Path) -> dict[str, str | OSError]:
    """sha256 of every source by name; an OSError where the file cannot be read.

    Hashes are remembered by name, size and time, so an unchanged tree is not read again.
    """
    index = cache / "listings" / f"{bytes_sha256(os.fsencode(found.place))[:24]}.json"
    known = _remembered(index)
    trusted = {source.name: known[source.name][1] for source in found.sources if _is_known(source, known)}
    unknown = [source for source in found.sources if source.name not in trusted]
    hashed = dict(zip((source.name for source in unknown), in_order(_sha256, unknown, workers())))
    if unknown or len(known) != len(found.sources):
        _remember(index, found.sources, {**trusted, **hashed})
    return {source.name: trusted.get(source.name) or hashed[source.name] for source in found.sources}


def workers() -> int:
    """Threads for reading and decoding: the processors this process may use, at most 16."""
    return min(16, cores())


def in_order(function: Callable[[T], R], items: Iterable[T], threads: int) -> Generator[R, None, None]:
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


def _sha256(source: Source) -> str | OSError:
    try:
        return bytes_sha256(source.read())
    except OSError as error:
        return error


def _is_known(source: Source, known: dict[str, list[str]]) -> bool:
    return bool(source.stamp) and source.name in known and known[source.name][0] == source.stamp


def _remembered(index: Path) -> dict[str, list[str]]:
    try:
        return {name: [stamp, digest] for name, (stamp, digest) in json.loads(index.read_text()).items()}
    # absent, or damaged: everything is read again
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _remember(index: Path, sources: list[Source], hashes: dict[str, str | OSError]) -> None:
    """Keep the hashes for the next call. If the cache cannot be written, the next call only takes longer."""
    now = time.time_ns()
    kept = {
        source.name: (source.stamp, hashes[source.name])
        for source in sources
        if isinstance(hashes[source.name], str) and source.stamp and not _is_recent(source.stamp, now)
    }
    with suppress(OSError):
        write_atomically(index, json.dumps(kept).encode(), durable=False)


def _is_recent(stamp: str, now_ns: int) -> bool:
    changed = stamp.rpartition(":")[2]
    return changed.isdigit() and int(changed) > now_ns - _RECENT_NS
