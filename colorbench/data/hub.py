"""`hub`: the image column of a Hugging Face dataset, through the `datasets` library.

An id is pinned at its first use to the commit that its revision has then, and its length is kept in the cache: later
cells import no library and need no network as long as their decoded photos are there. A local folder that the library can
load (parquet, imagefolder, ...) works like an id. Pictures come as bytes, so a damaged one is skipped alone.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from colorbench.data.sources import Found, Source
from colorbench.errors import mistyped, one_line
from colorbench.files import bytes_sha256, cache_folder, write_atomically

_TIMEOUT_SECONDS = 10
_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


def find_hub(
    source: str | Path | None,
    *,
    split: str = "train",
    column: str | None = None,
    config: str | None = None,
    revision: str | None = None,
    rows: int | None = None,
) -> Found:
    """Every picture of one of the dataset's splits; train and test photos are chosen from it by content, as everywhere.

    Args:
        source: "owner/name" or "owner/name@revision", or a local dataset folder.
        column: which image column, when there is more than one.
        config: the dataset's configuration, when it has several.
        revision: commit, branch or tag.
        rows: only the first rows, this many, streamed: for datasets too large to download.

    Raises:
        ConnectionError: the hub cannot be reached and the dataset is not in its local cache.
        FileNotFoundError, ValueError: no such dataset, split or column.
    """
    name, _, at = str(source).partition("@")
    wanted = _Wanted(name, config, split, revision or at or None, column, rows)
    if Path(name).expanduser().is_dir():
        table, stamp = _Table(wanted), ""
        count = table.count()
    else:
        table, count = _pinned(wanted)
        stamp = f"{table.wanted.revision}:pinned"
    sources = [Source(f"{split}-{row:07d}", partial(table.read, row), stamp) for row in range(count)]
    if not sources:
        raise ValueError(f"split {split!r} of {name} has no rows; name another one as the dataset option split")
    return Found(sources, place=f"hub {table.wanted}")


@dataclass(frozen=True)
class _Wanted:
    name: str
    config: str | None
    split: str
    revision: str | None
    column: str | None
    rows: int | None


@dataclass
class _Table:
    """The rows of a split, opened when the first is read."""

    wanted: _Wanted
    offline: bool = False
    _opened: Any = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self) -> int:
        return len(self._open())

    def read(self, row: int) -> bytes:
        """The picture file of one row, undecoded."""
        (cell,) = self._open()[row].values()
        return cell["bytes"] if cell["bytes"] is not None else Path(cell["path"]).read_bytes()

    def _open(self):
        with self._lock:
            if self._opened is None:
                with _offline(self.offline):
                    self._opened = _load(self.wanted)
            return self._opened


def _load(wanted: _Wanted):
    """The split as a `datasets.Dataset` of its one image column, not decoded."""
    import datasets

    try:
        table = datasets.load_dataset(
            str(Path(wanted.name).expanduser()) if Path(wanted.name).expanduser().is_dir() else wanted.name,
            wanted.config,
            split=wanted.split,
            revision=wanted.revision,
            streaming=wanted.rows is not None,
        )
    except ConnectionError as error:
        raise ConnectionError(_unreachable(wanted.name)) from error
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(f"cannot load the dataset {wanted.name}, split {wanted.split!r}: {error}") from error
    column = _image_column(table.features, wanted)
    table = table.select_columns([column]).cast_column(column, datasets.Image(decode=False))
    return table if wanted.rows is None else _first_rows(table, wanted.rows)


def _first_rows(stream, count: int):
    """The first rows of a stream, held in memory as compressed files."""
    import datasets

    return datasets.Dataset.from_list(list(stream.take(count)), features=stream.features)


def _image_column(features: dict | None, wanted: _Wanted) -> str:
    import datasets

    images = [name for name, feature in (features or {}).items() if isinstance(feature, datasets.Image)]
    if wanted.column is not None and wanted.column in images:
        return wanted.column
    if wanted.column is None and len(images) == 1:
        return images[0]
    raise ValueError(
        f"{wanted.name}: the image columns are {', '.join(images) or 'none'}, got {wanted.column}; "
        "name one as the dataset option column"
    )


def _pinned(wanted: _Wanted) -> tuple[_Table, int]:
    """The table at a fixed commit and its length, from the cache after the first time."""
    if wanted.name.startswith((".", "/", "~")) or not _ID.fullmatch(wanted.name):
        raise FileNotFoundError(
            f"no such dataset folder: {wanted.name}; a hub id looks like owner/name{mistyped(wanted.name)}"
        )
    digest = bytes_sha256(repr(wanted).encode())[:24]
    pin = cache_folder() / "hub" / f"{digest}.json"
    with suppress(OSError, ValueError, KeyError):
        kept = json.loads(pin.read_text())
        return _Table(_at(wanted, kept["revision"])), kept["rows"]
    commit = _commit(wanted)
    table = _Table(_at(wanted, commit or wanted.revision), offline=commit is None)
    count = table.count()
    with suppress(OSError):
        if commit is not None:
            write_atomically(pin, json.dumps({"revision": commit, "rows": count}).encode())
    return table, count


def _at(wanted: _Wanted, revision: str | None) -> _Wanted:
    return _Wanted(**{**vars(wanted), "revision": revision})


def _commit(wanted: _Wanted) -> str | None:
    """The commit of the wanted revision; None when the hub cannot be reached, after one short try."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return HfApi().dataset_info(wanted.name, revision=wanted.revision, timeout=_TIMEOUT_SECONDS).sha
    except HfHubHTTPError as error:
        raise ValueError(
            f"there is no folder {wanted.name}, and the hub has no readable dataset {wanted.name} at "
            f"{wanted.revision or 'main'}: {one_line(error)}"
        ) from error
    except Exception:  # whatever HTTP client the hub library has: no network
        return None


@contextmanager
def _offline(active: bool) -> Iterator[None]:
    """Tell the hub library not to try the network: otherwise it retries for half a minute."""
    from datasets import config
    from huggingface_hub import constants

    before = config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    if active:
        config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before


def _unreachable(name: str) -> str:
    return (
        f"there is no folder {name}, and as a Hugging Face dataset it is unavailable: the hub cannot be reached and "
        f"{name} is not in its local cache; check the path, or connect once"
    )
