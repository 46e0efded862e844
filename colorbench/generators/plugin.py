"""Generators from outside: a Python file, or an installed package's entry point.

A plug-in file names its generators in a dict. A value is a `GeneratorRow`, or simply whatever builds one: a class or a
function `(out_channels=2, **options) -> nn.Module`:

    class TinyNet(nn.Module):
        def __init__(self, out_channels: int = 2, width: int = 16): ...
        def forward(self, gray): ...          # (b, 1, h, w) in [-1, 1] -> (b, out_channels, h', w')

    GENERATORS = {"tiny-net": TinyNet}

A package announces the same in `[project.entry-points."colorbench.generators"]`: `tiny-net = "my_package:TinyNet"`.
"""

import hashlib
import importlib.util
import re
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from colorbench.generators.baselines import BASELINES
from colorbench.generators.row import GeneratorRow
from colorbench.generators.table import GENERATORS

GROUP = "colorbench.generators"
_loaded: dict[Path, tuple[str, dict[str, GeneratorRow]]] = {}


def load_plugin(path: str | Path) -> dict[str, GeneratorRow]:
    """The rows of a plug-in file, which are in GENERATORS from now on. Running the file a second time changes nothing.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file names no generators, a key is not kebab-case, or a key is taken.
    """
    path = Path(path).resolve()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if path in _loaded:
        before, rows = _loaded[path]
        if before != digest:
            raise ValueError(f"{path.name} changed since it was loaded; start a new process to load it again")
        return rows
    rows = read_plugin(path)
    _merge(rows, path.name)
    _loaded[path] = (digest, rows)
    return rows


def read_plugin(path: str | Path) -> dict[str, GeneratorRow]:
    """The rows of a plug-in file, left out of the table: for `check_generator`."""
    path = Path(path).resolve()
    named = getattr(run_file(path), "GENERATORS", None)
    if not isinstance(named, dict) or not named:
        raise ValueError(f'{path.name} names no generators; end it with GENERATORS = {{"my-model": MyModel}}')
    return {key: as_row(key, value) for key, value in named.items()}


def as_row(key: str, value: object) -> GeneratorRow:
    """A table row from what a plug-in gave under this key."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key):
        raise ValueError(f"the key {key!r} is not kebab-case; write it like 'my-model'")
    if isinstance(value, GeneratorRow):
        if value.key != key:
            raise ValueError(f"the row under {key!r} calls itself {value.key!r}; give both the same key")
        return value
    if not callable(value):
        raise ValueError(
            f"{key!r} is a {type(value).__name__}; give a GeneratorRow, or a class or function that builds it"
        )
    first_line = (getattr(value, "__doc__", None) or "").strip().partition("\n")[0]
    return GeneratorRow(key, value, source=first_line, licence="not stated")


def load_installed() -> dict[str, GeneratorRow]:
    """The generators that installed packages announce, which are in GENERATORS from now on."""
    rows = {e.name: as_row(e.name, e.load()) for e in entry_points(group=GROUP) if e.name not in GENERATORS}
    _merge(rows, "installed packages")
    return rows


def _merge(rows: dict[str, GeneratorRow], origin: str) -> None:
    if taken := [key for key in rows if key in GENERATORS or key in BASELINES]:
        raise ValueError(f"{origin}: {', '.join(map(repr, taken))} is taken already; choose another key")
    GENERATORS.update(rows)


def run_file(path: Path) -> ModuleType:
    """The file as a module of its own name, so that what it defines can be found again."""
    if not path.is_file():
        raise FileNotFoundError(f"no plug-in file {path.name}; give the path of a Python file")
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
