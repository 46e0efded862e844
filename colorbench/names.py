"""Names that are not in a table: one error that lists the known ones and offers the nearest. Imports nothing."""

import difflib
from collections.abc import Iterable


def unknown_name(kind: str, name: str, known: Iterable[str], also: str = "") -> KeyError:
    """The error for a name that a table does not have.

    >>> print(unknown_name("suite", "nimi", ["mini", "nano"]).args[0])
    unknown suite 'nimi'; known suites: mini, nano; did you mean 'mini'?

    Args:
        kind: what is named, singular.
        name: what was given.
        known: the names of the table.
        also: what else could be given.
    """
    known = list(known)
    plural = f"{kind}es" if kind.endswith("s") else f"{kind[:-1]}ies" if kind.endswith("ry") else f"{kind}s"
    near = difflib.get_close_matches(str(name).lower(), known, n=2, cutoff=0.5)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    return KeyError(f"unknown {kind} {str(name)!r}; known {plural}: {', '.join(known)}{also}{hint}")
