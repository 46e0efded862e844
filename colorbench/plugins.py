"""Plug-ins: other people's generators, losses, metrics and datasets, from a file or an installed package.

A plug-in file is Python that defines any of GENERATORS, LOSSES, METRICS, DATASETS: dictionaries of rows like those of the
tables here. Instead of a row, a generator may be just its class or function `(out_channels=2, **options) -> nn.Module`:

    class TinyNet(nn.Module):
        def __init__(self, out_channels: int = 2, width: int = 16): ...
        def forward(self, gray): ...          # (b, 1, h, w) in [-1, 1] -> (b, out_channels, h', w')

    GENERATORS = {"tiny-net": TinyNet}

A package offers the same by an entry point of the group `colorbench.generators` (or `.losses`, `.metrics`, `.datasets`):
`tiny-net = "my_package:TinyNet"`, or such a dictionary. A name that exists already is refused.
"""

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from colorbench.errors import mistyped

KINDS = ("generators", "losses", "metrics", "datasets")
_files: set[str] = set()
_installed: list[str] = []


def load_plugins(files: Iterable[str | Path]) -> None:
    """Merge installed entry points and these files into the tables, each once.

    Raises:
        ValueError: a file that is absent, does not run, or defines no table; or a name that exists already.
    """
    _load_installed()
    for file in files:
        path = Path(file).resolve()
        if str(path) in _files:
            continue
        for kind, rows in read_tables(path).items():
            _merge(kind, rows, path.name)
        _files.add(str(path))


def loaded_files() -> list[str]:
    """The plug-in files that are in the tables now, for other processes to load."""
    return sorted(_files)


def read_tables(path: Path) -> dict[str, dict]:
    """Kind -> what a plug-in file defines under GENERATORS, LOSSES, METRICS or DATASETS; the tables here are not changed.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file does not run, or defines none of them.
    """
    module = _run(path)
    tables = {kind: dict(getattr(module, kind.upper(), {})) for kind in KINDS}
    found = {kind: rows for kind, rows in tables.items() if rows}
    if not found:
        names = ", ".join(kind.upper() for kind in KINDS)
        raise ValueError(
            f'plug-in {path.name} defines none of {names}; end it with GENERATORS = {{"my-model": MyModel}}'
        )
    return found


def table(kind: str) -> dict:
    """The table of this kind, imported when asked for."""
    package = importlib.import_module(f"colorbench.{'data' if kind == 'datasets' else kind}")
    return getattr(package, kind.upper())


def _load_installed() -> None:
    for kind in KINDS:
        for point in entry_points(group=f"colorbench.{kind}"):
            if (name := f"{kind}: {point.name}") not in _installed:
                rows = point.load()
                _merge(kind, rows if isinstance(rows, dict) else {point.name: rows}, f"entry point {point.name}")
                _installed.append(name)


def _merge(kind: str, rows: dict, origin: str) -> None:
    rows_here = table(kind)
    names = set(rows_here)
    if kind == "generators":
        from colorbench.generators.baselines import BASELINES
        from colorbench.generators.row import as_row

        rows, names = {key: as_row(key, row) for key, row in rows.items()}, names | set(BASELINES)
    if taken := sorted(names & set(rows)):
        raise ValueError(f"plug-in {origin}: {kind} {', '.join(taken)} exist already; choose another name")
    rows_here.update(rows)


def _run(path: Path) -> ModuleType:
    """The file as a module of its own name, so that other processes find what it defines."""
    if not path.is_file():
        raise FileNotFoundError(f"no plug-in file {path.name}; give the path of a Python file{mistyped(path)}")
    name = f"colorbench_plugin_{re.sub(r'[^0-9a-zA-Z_]', '_', path.stem)}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path.name} is not a Python file; a plug-in ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # somebody else's code: anything can come
        del sys.modules[name]
        raise ValueError(f"plug-in {path.name} does not run: {type(error).__name__}: {error}") from error
    return module
