"""What a dataset finds before anything is decoded: named pictures whose bytes can be read, and what was passed over."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from colorbench.photo import Photo8


@dataclass(frozen=True)
class Source:
    """One picture file.

    Attributes:
        name: for people: relative path, row number.
        read: its bytes.
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
        passed_over: (name, reason) of what is no readable picture already at listing.
        picture: cuts the photo out of a decoded picture (the color half of a pair); None takes it whole.
        held_out: names of the test photos when the dataset states them.
    """

    sources: list[Source]
    place: str
    passed_over: list[tuple[str, str]] = field(default_factory=list)
    picture: Callable[[Photo8], Photo8] | None = None
    half: str = ""
    held_out: frozenset[str] = frozenset()


def cache_folder(cache_dir: str | Path | None = None) -> Path:
    """Where decoded photos are kept: the argument, COLORBENCH_CACHE, or the user's cache folder of this system."""
    if cache_dir is not None:
        return Path(cache_dir)
    if chosen := os.environ.get("COLORBENCH_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "colorbench"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "colorbench"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "colorbench"
