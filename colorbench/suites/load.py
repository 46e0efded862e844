"""Suites from TOML: tables of names and numbers, checked against the models of colorbench.cell.

A file has the fields of Suite, a [protocol] table whose budget is text ("500steps"), [optimizer] and [phases] that all its
recipes start from, and recipes as [[recipes]] or as a [matrix] of generators x losses x heads. `extends` names a shipped
suite whose fields hold where the file says nothing; `table` is the file of a step table, beside the suite's, and "" leaves
out that of the suite it extends.
"""

import itertools
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from colorbench.cell import Budget, Recipe, Suite
from colorbench.errors import WrongUsage, did_you_mean, mistyped, unknown_name

if TYPE_CHECKING:
    from colorbench.suites.step_table import StepTable

_FOLDER = Path(__file__).parent
_WRITE_AGAIN = (
    "remove it, and run the suite again with the same --out, which writes it again and keeps the finished cells"
)

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
            raise ValueError(f"there is no suite file {path}{mistyped(path)}")
        return read_suite(path)
    if str(name) not in SUITES:
        raise unknown_name("suite", str(name), SUITES, ", or the path of a .toml file")
    return read_suite(SUITES[str(name)])


def read_suite(path: Path) -> Suite:
    """The suite in a TOML file."""
    try:
        fields = _fields(path)
        file = fields.pop("table", None)
        suite, table = parse_suite(path.stem, fields), _table(path, file)
        if table is None or (Path(file).is_absolute() and not table.fits(suite.protocol)):  # an inherited one
            return suite
        table.check(suite.protocol)
        named = suite.protocol.model_copy(update={"table_sha256": table.sha256})
        return suite.model_copy(update={"protocol": named})
    except tomllib.TOMLDecodeError as error:
        raise WrongUsage(f"suite {path.name} is not TOML: {error}") from None
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}".removeprefix(": ") for e in error.errors()[:5]]
        raise WrongUsage(f"suite {path.name}: " + "; ".join(lines).replace("Value error, ", "")) from None


def suite_table(name: str | Path) -> "StepTable | None":
    """The step table that a suite's file carries (`table = "FILE"`, beside the suite's); None when it carries none."""
    path = Path(name) if str(name).endswith(".toml") else SUITES[str(name)]
    return _table(path, _fields(path).get("table"))


def _table(path: Path, file: str | None) -> "StepTable | None":
    if not file:
        return None
    from colorbench.suites.step_table import read_table

    return read_table(path.parent / file)


def _fields(path: Path) -> dict[str, Any]:
    """The tables of a suite's file over those of the shipped suite that it `extends`, if it does."""
    fields = tomllib.loads(path.read_text())
    start = fields.pop("extends", None)
    if start is None:
        return fields
    if start not in SUITES or SUITES[start] == path:
        raise ValueError(f"suite {path.name} extends {start!r}; known suites: {', '.join(SUITES)}")
    before = _fields(SUITES[start])
    if before.get("table"):
        before["table"] = str(SUITES[start].parent / before["table"])
    return {**before, **fields, "protocol": {**before.get("protocol", {}), **fields.get("protocol", {})}}


def read_written_suite(path: Path) -> Suite:
    """The suite that a run wrote beside its cells (`suite.json`)."""
    if not os.path.lexists(path):
        raise ValueError(f"there is no {path.name} in {path.parent}; give a suite's folder, such as runs/mini")
    if not path.is_file():
        raise ValueError(f"{path} is no regular file: {_WRITE_AGAIN}")
    try:
        return Suite.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{path} is damaged ({where + ': ' if where else ''}{first['msg']}): {_WRITE_AGAIN}") from None


def parse_suite(name: str, fields: dict[str, Any]) -> Suite:
    """A suite from the tables of its file."""
    fields = dict(fields)
    shared = {key: fields.pop(key) for key in ("optimizer", "phases") if key in fields}
    written = [_recipe(recipe, shared) for recipe in fields.pop("recipes", [])]
    recipes = [*written, *_matrix(fields.pop("matrix", {}), shared)]
    protocol = dict(fields.pop("protocol", {}))
    if isinstance(protocol.get("budget"), str):
        protocol["budget"] = Budget.parse(protocol["budget"])
    return Suite.model_validate({"name": name, **fields, "protocol": protocol, "recipes": tuple(recipes)})


def _matrix(matrix: dict[str, Any], shared: dict[str, Any]) -> list[Recipe]:
    if unknown := sorted(set(matrix) - {"generators", "losses", "heads"}):
        known = ("generators", "losses", "heads")
        hint = did_you_mean(unknown[0], known)
        raise WrongUsage(f"matrix: unknown field {', '.join(unknown)}; known fields: {', '.join(known)}{hint}")
    generators = [g if isinstance(g, dict) else {"generator": g} for g in matrix.get("generators", [])]
    product = itertools.product(generators, matrix.get("losses", ["l1"]), matrix.get("heads", ["auto"]))
    return [_recipe({**generator, "loss": loss, "head": head}, shared) for generator, loss, head in product]


def _recipe(fields: dict[str, Any], shared: dict[str, Any]) -> Recipe:
    """A recipe, its [optimizer] and [phases] laid over the shared ones."""
    merged = {key: {**shared.get(key, {}), **fields.get(key, {})} for key in ("optimizer", "phases")}
    return Recipe(**{**fields, **{key: value for key, value in merged.items() if value}})
