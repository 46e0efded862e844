"""Suites from TOML: tables of names and numbers, checked against the models of colorbench.cell.

A file has the fields of Suite, a [protocol] table whose budget is text ("500steps"), [optimizer] and [phases] that all its
recipes start from, and recipes as [[recipes]] or as a [matrix] of generators x losses x heads.
"""

import itertools
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from colorbench.cell import Budget, Recipe, Suite

_FOLDER = Path(__file__).parent

SUITES: dict[str, Path] = {path.stem: path for path in sorted(_FOLDER.glob("*.toml"))}
"""Shipped suites by name. They are read when asked for."""


def load_suite(name: str | Path) -> Suite:
    """A shipped suite by name, or a suite file by path (ends in .toml).

    Raises:
        KeyError: unknown name; lists the known ones.
        ValueError: the file breaks the schema; says where.
    """
    if str(name).endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise ValueError(f"there is no suite file {path}")
        return read_suite(path)
    if str(name) not in SUITES:
        raise KeyError(f"unknown suite {str(name)!r}; known suites: {', '.join(SUITES)}, or the path of a .toml file")
    return read_suite(SUITES[str(name)])


def read_suite(path: Path) -> Suite:
    """The suite in a TOML file."""
    try:
        fields = tomllib.loads(path.read_text())
        return parse_suite(path.stem, fields)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"suite {path.name} is not TOML: {error}") from None
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'suite'}: {e['msg']}" for e in error.errors()[:5]]
        raise ValueError(f"suite {path.name}: " + "; ".join(lines)) from None


def read_written_suite(path: Path) -> Suite:
    """The suite that a run wrote beside its cells (`suite.json`)."""
    if not path.is_file():
        raise ValueError(f"there is no {path.name} in {path.parent}; give a suite's folder, such as runs/mini")
    return Suite.model_validate_json(path.read_text())


def parse_suite(name: str, fields: dict[str, Any]) -> Suite:
    """A suite from the tables of its file."""
    fields = dict(fields)
    shared = {key: fields.pop(key) for key in ("optimizer", "phases") if key in fields}
    written = [_recipe(recipe, shared) for recipe in fields.pop("recipes", [])]
    recipes = [*written, *_matrix(fields.pop("matrix", {}), shared)]
    protocol = dict(fields.pop("protocol", {}))
    if isinstance(protocol.get("budget"), str):
        protocol["budget"] = Budget.parse(protocol["budget"])
    return Suite(name=fields.pop("name", name), protocol=protocol, recipes=tuple(recipes), **fields)


def _matrix(matrix: dict[str, Any], shared: dict[str, Any]) -> list[Recipe]:
    if unknown := sorted(set(matrix) - {"generators", "losses", "heads"}):
        raise ValueError(f"matrix: unknown field {', '.join(unknown)}; known fields: generators, losses, heads")
    generators = [g if isinstance(g, dict) else {"generator": g} for g in matrix.get("generators", [])]
    product = itertools.product(generators, matrix.get("losses", ["l1"]), matrix.get("heads", ["auto"]))
    return [_recipe({**generator, "loss": loss, "head": head}, shared) for generator, loss, head in product]


def _recipe(fields: dict[str, Any], shared: dict[str, Any]) -> Recipe:
    """A recipe, its [optimizer] and [phases] laid over the shared ones."""
    merged = {key: {**shared.get(key, {}), **fields.get(key, {})} for key in ("optimizer", "phases")}
    return Recipe(**{**fields, **{key: value for key, value in merged.items() if value}})
