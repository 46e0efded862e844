"""Loss expressions: `100*l1 + patchgan(mode='hinge')`.

    expression = term {'+' term}
    term       = [number '*'] key ['(' setting=literal {',' setting=literal} ')']

Keys are kebab-case words of the table, so '-' never subtracts; literals are Python's (numbers, strings,
booleans, None, tuples, lists) and nothing else is evaluated.

Canonical form: terms sorted by key and settings, one space around '+', numbers in their shortest form,
settings sorted and those equal to their default dropped. A sum does not depend on its order, so 'mse + l1'
and 'l1 + mse' are one cell of a board with one key and one folder; sorted terms also draw their critics'
first weights in one order.
"""

import ast
import math
import re
import zlib
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from colorbench.losses.row import LossRow

_TERM = re.compile(r"\s*(?:(?P<weight>[0-9.][0-9.eE]*(?:(?<=[eE])[+-]?[0-9]+)?)\s*\*\s*)?(?P<key>[A-Za-z][\w-]*)\s*")
_LONGEST_SLUG = 100


class Term(NamedTuple):
    """One summand: its weight, its key and the settings that differ from their defaults."""

    weight: float
    key: str
    settings: dict[str, object]

    @property
    def name(self) -> str:
        """The term without its weight: `patchgan(mode='hinge')`."""
        settings = ", ".join(f"{name}={_literal(value)}" for name, value in sorted(self.settings.items()))
        return f"{self.key}({settings})" if settings else self.key

    def __str__(self) -> str:
        return self.name if self.weight == 1 else f"{_number(self.weight)}*{self.name}"


def parse(expression: str, table: Mapping[str, LossRow]) -> list[Term]:
    """The terms of an expression in canonical order; every name and setting is one the table knows.

    Raises:
        ValueError: the text is no expression, a term stands twice, a setting has the wrong kind.
        KeyError: a loss or a setting the table does not know; the known ones are listed.
    """
    terms, at = [], 0
    while True:
        term, at = _read_term(expression, at, table)
        terms.append(term)
        if at == len(expression):
            break
        if expression[at] != "+":
            _refuse(expression, at, "expected '+' or the end")
        at += 1
    return _sorted(terms)


def canonical(terms: list[Term]) -> str:
    """One text for one objective."""
    return " + ".join(map(str, terms))


def slug(terms: list[Term]) -> str:
    """A name for files: letters, digits and `. _ + -`; `100*l1 + patchgan` is `100xl1+patchgan`."""
    text = canonical(terms)
    plain = text.replace(" ", "").replace("*", "x").replace("'", "")
    plain = plain.replace("(", "_").replace(",", "_").replace("=", "-").replace(")", "")
    safe = re.sub(r"[^A-Za-z0-9._+-]", "", plain)
    if safe == plain and len(safe) <= _LONGEST_SLUG:
        return safe
    return f"{safe[:_LONGEST_SLUG]}-{zlib.crc32(text.encode()):08x}"


def _read_term(text: str, at: int, table: Mapping[str, LossRow]) -> tuple[Term, int]:
    found = _TERM.match(text, at)
    if not found:
        _refuse(text, at, "expected a loss such as l1 or 100*l1")
    row = _row(found["key"], table)
    weight, at, settings = _weight(found["weight"], text), found.end(), {}
    if text[at : at + 1] == "(":
        end = _closing(text, at)
        settings = _settings(text[at:end], row)
        at = end + len(text[end:]) - len(text[end:].lstrip())
    return Term(weight, row.key, settings), at


def _row(key: str, table: Mapping[str, LossRow]) -> LossRow:
    if key not in table:
        raise KeyError(f"unknown loss {key!r}; known losses: {', '.join(sorted(table))}")
    return table[key]


def _weight(digits: str | None, text: str) -> float:
    try:
        weight = 1.0 if digits is None else float(digits)
    except ValueError:
        raise ValueError(f"{digits!r} in {text!r} is no number") from None
    if not (math.isfinite(weight) and weight > 0):
        raise ValueError(f"the weight {digits} in {text!r} must be finite and above 0; leave the term out instead")
    return weight


def _closing(text: str, start: int) -> int:
    """The index after the bracket that closes the one at `start`; brackets inside quotes do not count."""
    depth, quote = 0, ""
    for at in range(start, len(text)):
        character = text[at]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
            if depth == 0:
                return at + 1
    return _refuse(text, start, "this bracket is never closed")


def _settings(text: str, row: LossRow) -> dict[str, object]:
    """The settings inside `(name=literal, ...)` that differ from the row's defaults."""
    try:
        call = ast.parse(f"f{text}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or any(k.arg is None for k in call.keywords):
            raise SyntaxError
        given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError):
        message = f"cannot read the settings {text} of {row.key}: write name=value, with Python literals as values"
        raise ValueError(message) from None
    known = row.settings
    for name, value in given.items():
        if name not in known:
            listed = ", ".join(f"{n}={_literal(v)}" for n, v in known.items()) or "none"
            raise KeyError(f"unknown setting {name!r} of {row.key}; known settings: {listed}")
        _same_kind(value, known[name], f"{name} of {row.key}")
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return {name: value for name, value in given.items() if value != known[name]}


def _same_kind(value: object, default: object, what: str) -> None:
    """A setting is of the kind of its default; 1 may stand for 1.0, True for neither; a default of None takes any."""
    kinds = {float: (int, float), tuple: (tuple, list)}.get(type(default), (type(default),))
    right = isinstance(value, kinds) and (isinstance(default, bool) or not isinstance(value, bool))
    if default is not None and not right:
        raise ValueError(f"{what} is {value!r}; it takes a {type(default).__name__} such as {_literal(default)}")


def _sorted(terms: list[Term]) -> list[Term]:
    ordered = sorted(terms, key=lambda term: (term.key, term.name))
    for first, second in pairwise(ordered):
        if first.name == second.name:
            total = Term(first.weight + second.weight, first.key, first.settings)
            raise ValueError(f"{first.name} stands twice; write {total} once")
    return ordered


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _literal(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    return _number(value) if isinstance(value, float) and math.isfinite(value) else repr(value)


def _refuse(text: str, at: int, reason: str):
    raise ValueError(f"cannot read the loss expression {text!r} at {text[at:] or 'its end'!r}: {reason}")
