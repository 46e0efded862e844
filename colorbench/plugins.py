"""Plug-ins: other people's generators, losses, metrics and datasets, by file or by entry point.

A plug-in file is Python that defines any of GENERATORS, LOSSES, METRICS, DATASETS: dictionaries of rows like those of the
tables here. A name that exists already is refused. Entry points `colorbench.generators` (and `.losses`, `.metrics`,
`.datasets`) name such a dictionary or one row.
"""

import importlib.util
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

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
        module = _import(path)
        tables = {kind: getattr(module, kind.upper()) for kind in KINDS if hasattr(module, kind.upper())}
        if not tables:
            names = ", ".join(kind.upper() for kind in KINDS)
            raise ValueError(f"plug-in {path.name} defines none of {names}; define for instance GENERATORS = {{...}}")
        for kind, rows in tables.items():
            _merge(kind, dict(rows), path.name)
        _loaded.add(str(path))


def _load_entry_points() -> None:
    if "entry points" in _loaded:
        return
    _loaded.add("entry points")
    for kind in KINDS:
        for point in entry_points(group=f"colorbench.{kind}"):
            rows = point.load()
            _merge(kind, dict(rows) if isinstance(rows, dict) else {point.name: rows}, f"entry point {point.name}")


def _import(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"there is no plug-in file {path}")
    spec = importlib.util.spec_from_file_location(f"colorbench_plugin_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"plug-in {path.name} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # somebody else's code: any exception can come
        raise ValueError(f"plug-in {path.name} does not import: {type(error).__name__}: {error}") from error
    return module


def table(kind: str) -> dict:
    """The table of this kind, imported when asked for."""
    package = importlib.import_module(f"colorbench.{kind}")
    return getattr(package, kind.upper())


def _merge(kind: str, rows: dict, origin: str) -> None:
    rows_here = table(kind)
    if taken := sorted(set(rows) & set(rows_here)):
        raise ValueError(f"plug-in {origin}: {kind} {', '.join(taken)} exist already; choose another name")
    rows_here.update(rows)
