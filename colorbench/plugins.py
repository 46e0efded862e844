"""Plug-ins: other people's generators, losses, metrics and datasets, by file or by entry point.

A plug-in file is Python that defines any of GENERATORS, LOSSES, METRICS, DATASETS: dictionaries of rows like those of the
tables here; a generator may be its class or function alone. A name that exists already is refused. Entry points
`colorbench.generators` (and `.losses`, `.metrics`, `.datasets`) name such a dictionary or one row.
"""

import importlib
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path

from colorbench.generators.plugin import as_row, load_installed, run_file

KINDS = ("generators", "losses", "metrics", "datasets")
_loaded: set[str] = set()


def load_plugins(files: Iterable[str | Path]) -> None:
    """Merge these files, and installed entry points once, into the tables.

    Raises:
        ValueError: a file that is absent, does not import, or defines no table; or a name that exists already.
    """
    _load_entry_points()
    for file in files:
        path = Path(file).resolve()
        if str(path) in _loaded:
            continue
        module = run_file(path)
        tables = {kind: getattr(module, kind.upper()) for kind in KINDS if hasattr(module, kind.upper())}
        if not tables:
            names = ", ".join(kind.upper() for kind in KINDS)
            raise ValueError(f"plug-in {path.name} defines none of {names}; define for instance GENERATORS = {{...}}")
        for kind, rows in tables.items():
            _merge(kind, _rows(kind, dict(rows)), path.name)
        _loaded.add(str(path))


def loaded_files() -> list[str]:
    """The plug-in files that are in the tables now, for other processes to load."""
    return sorted(_loaded - {"entry points"})


def _load_entry_points() -> None:
    if "entry points" in _loaded:
        return
    _loaded.add("entry points")
    load_installed()
    for kind in KINDS[1:]:
        for point in entry_points(group=f"colorbench.{kind}"):
            rows = point.load()
            _merge(kind, dict(rows) if isinstance(rows, dict) else {point.name: rows}, f"entry point {point.name}")


def _rows(kind: str, rows: dict) -> dict:
    """A generator may be given as its class or function alone."""
    return {key: as_row(key, row) for key, row in rows.items()} if kind == "generators" else rows


def table(kind: str) -> dict:
    """The table of this kind, imported when asked for."""
    package = importlib.import_module(f"colorbench.{'data' if kind == 'datasets' else kind}")
    return getattr(package, kind.upper())


def _merge(kind: str, rows: dict, origin: str) -> None:
    rows_here = table(kind)
    if taken := sorted(set(rows) & set(rows_here)):
        raise ValueError(f"plug-in {origin}: {kind} {', '.join(taken)} exist already; choose another name")
    rows_here.update(rows)
