"""A dataset of your own: a function that lists pictures, and a row that says what `--data` must give.

This one reads a text file with one path per line, relative to the file.
"""

from functools import partial
from pathlib import Path

from colorbench.data.sources import Found, Source
from colorbench.data.table import DatasetRow


def find_listed(source: str | Path | None) -> Found:
    """Every picture that the list names; nothing is decoded yet."""
    if source is None or not Path(source).is_file():
        raise ValueError(f"this dataset needs a text file of picture paths: --data LIST.txt (got {source})")
    listing = Path(source)
    names = [line.strip() for line in listing.read_text().splitlines() if line.strip()]
    paths = {name: listing.parent / name for name in names}
    sources = [Source(name, partial(Path.read_bytes, path)) for name, path in paths.items() if path.is_file()]
    passed_over = [(name, "no such file") for name, path in paths.items() if not path.is_file()]
    if not sources:
        raise ValueError(f"{listing} names no picture that exists")
    return Found(sources, place=str(listing.resolve()), passed_over=passed_over)


DATASETS = {
    "listed": DatasetRow(
        "listed", find_listed, needs_source="a text file of picture paths", options=(),
        description="the pictures that a text file names", source="the user's",
    ),
}  # fmt: skip
