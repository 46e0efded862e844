"""Loss expressions: `100*l1 + patchgan(mode='hinge')`.

    expression = term {'+' term}
    term       = [number '*'] key ['(' setting=literal {',' setting=literal} ')']

Keys are kebab-case words of the table, so '-' never subtracts. What is in brackets is read by Python's own parser; literals
are Python's (numbers, strings, booleans, None, tuples, lists) and nothing else is evaluated.

Canonical form: terms sorted by key and settings, one space around '+', numbers in their shortest form, settings sorted
and those equal to their default dropped. A sum does not depend on its order, so 'mse + l1' and 'l1 + mse' are one cell of
a board with one key and one folder; sorted terms also draw their critics' first weights in one order.
"""

import ast
import math
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple, NoReturn

from colorbench.errors import WrongUsage, did_you_mean, unknown_name
from colorbench.losses.row import LossRow

_TERM = re.compile(r"\s*(?:(?P<weight>[0-9.][0-9.eE]*(?:(?<=[eE])[+-]?[0-9]+)?)\s*\*\s*)?(?P<key>[A-Za-z][\w-]*)\s*")


class Term(NamedTuple):
    """One summand: its weight, its key and the settings that the canonical text states."""

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


def parse(expression: str, table: Mapping[str, LossRow], recorded: bool = False) -> list[Term]:
    """The terms of an expression in canonical order; every name and setting is one the table knows.

    Args:
        expression: the text.
        table: the losses it may name.
        recorded: the text is that of a cell: a setting that it does not state and whose default has changed since
            (`LossRow.formerly`) has its former value.

    Raises:
        TypeError: not text.
        ValueError: the text is no expression, a term appears twice, a setting has the wrong kind.
        KeyError: a loss or a setting the table does not know; the known ones are listed.
    """
    if not isinstance(expression, str):
        raise TypeError(f"a loss is text such as 'l1 + ssim', got a {type(expression).__name__}")
    terms, at = [], 0
    while True:
        term, at = _read_term(expression, at, table, recorded)
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


def _read_term(text: str, at: int, table: Mapping[str, LossRow], recorded: bool) -> tuple[Term, int]:
    found = _TERM.match(text, at)
    if found is None:
        _refuse(text, at, "expected a loss such as l1 or 100*l1")
    key = found["key"]
    if key not in table:
        raise unknown_name("loss", key, sorted(table))
    weight, at, given = _weight(found["weight"], text), found.end(), {}
    if text[at : at + 1] == "(":
        call, end = _call(text, at)
        given = _given(call, text[at:end], key)
        at = end + len(text[end:]) - len(text[end:].lstrip())
    return Term(weight, key, _stated(given, table[key], recorded)), at


def _weight(digits: str | None, text: str) -> float:
    try:
        weight = 1.0 if digits is None else float(digits)
    except ValueError:
        raise WrongUsage(f"{digits!r} in {text!r} is not a number") from None
    if not (math.isfinite(weight) and weight > 0):
        raise WrongUsage(f"the weight {digits} in {text!r} must be finite and above 0; leave the term out instead")
    return weight


def _call(text: str, start: int) -> tuple[ast.expr, int]:
    """What stands in the bracket at `start`, as Python reads it, and the index after the bracket's end."""
    for end in (start + found.end() for found in re.finditer(r"\)", text[start:])):
        try:
            return ast.parse(f"f{text[start:end]}", mode="eval").body, end
        except (SyntaxError, ValueError):  # this is not the end yet
            continue
    _refuse(text, start, "this bracket is never closed, or contains something other than name=value")


def _given(call: ast.expr, text: str, key: str) -> dict[str, object]:
    """The settings inside `(name=literal, ...)`."""
    try:
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError
        named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        given = {name: value for name, value in named.items() if name is not None}
        if len(given) < len(call.keywords):  # **settings
            raise ValueError
    except (ValueError, TypeError):
        raise WrongUsage(
            f"cannot read the settings {text} of {key}: write name=value, with Python literals as values"
        ) from None
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def _stated(given: dict[str, object], row: LossRow, recorded: bool) -> dict[str, object]:
    """The settings the canonical text states: those that differ from their defaults, and those of `formerly`."""
    known = row.settings
    for name, value in given.items():
        if name not in known:
            listed = ", ".join(f"{n}={_literal(v)}" for n, v in known.items()) or "none"
            raise KeyError(
                f"unknown setting {name!r} of {row.key}; known settings: {listed}{did_you_mean(name, known)}"
            )
        _same_kind(value, known[name], f"{name} of {row.key}")
    unstated = row.formerly if recorded else {name: known[name] for name in row.formerly}
    changed = {name: value for name, value in given.items() if value != known[name]}
    return {**unstated, **{name: given[name] for name in row.formerly if name in given}, **changed}


def _same_kind(value: object, default: object, what: str) -> None:
    """A setting is of the kind of its default; 1 may stand for 1.0, True for neither; a default of None takes any."""
    kinds = {float: (int, float), tuple: (tuple, list)}.get(type(default), (type(default),))
    right = isinstance(value, kinds) and (isinstance(default, bool) or not isinstance(value, bool))
    if default is not None and not right:
        raise WrongUsage(f"{what} is {value!r}; wanted {type(default).__name__}, such as {_literal(default)}")


def _sorted(terms: list[Term]) -> list[Term]:
    ordered = sorted(terms, key=lambda term: (term.key, term.name))
    for first, second in pairwise(ordered):
        if first.name == second.name:
            total = Term(first.weight + second.weight, first.key, first.settings)
            raise WrongUsage(f"{first.name} appears twice; write {total} once")
    return ordered


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _literal(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    return _number(value) if isinstance(value, float) and math.isfinite(value) else repr(value)


def _refuse(text: str, at: int, reason: str) -> NoReturn:
    raise WrongUsage(f"cannot read the loss expression {text!r} at {text[at:] or 'its end'!r}: {reason}")
