"""Error messages: unknown names, wrong values, and any error as one line for the terminal with its exit code.

Imports nothing of the package, because it is needed when imports fail, too.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path

_NETWORK = ("httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3", "huggingface_hub", "aiohttp")


class WrongUsage(ValueError):
    """A wrong value on the command line or in a setting. The message says what to write."""


class Stopped(Exception):
    """Ctrl-C in a command. The message says what the same command would do."""


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
    return KeyError(
        f"unknown {kind} {str(name)!r}; known {plural}: {', '.join(known)}{also}{did_you_mean(name, known)}"
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about a wrong name; "" where no known one is like it.

    >>> did_you_mean("widht", ["width", "depth"])
    "; did you mean 'width'?"
    """
    near = difflib.get_close_matches(str(name).lower(), list(known), n=2, cutoff=0.5)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def mistyped(path: str | Path) -> str:
    """The end of a message about a path that does not exist: what lies there under a name like it, or ""."""
    path = Path(path).expanduser()
    try:
        if path.exists():
            return ""
        beside = sorted(one.name for one in path.parent.iterdir())
    except OSError:
        return ""
    return did_you_mean(path.name, beside)


def explain(error: BaseException) -> tuple[str, int]:
    """`(line, exit code)`: 2 for names that no table has and for wrong usage, else 1.

    >>> explain(FileNotFoundError(2, "No such file or directory", "runs"))
    ('runs: no such file or directory', 1)
    """
    text, kind = one_line(error), type(error).__name__
    if _from(error, _NETWORK) and not isinstance(error, ValueError):
        return f"network: {text}; check the name and the connection, then run the same command again", 1
    if isinstance(error, WrongUsage) or (isinstance(error, KeyError) and " " in text):
        return text, 2
    if isinstance(error, ValueError | OSError | RuntimeError | MemoryError) and text != kind:
        return text, 1
    return f"unexpected {kind}: {text}; this is a bug in colorbench or in a plug-in (-v shows where)", 1


def one_line(error: BaseException) -> str:
    """The message of an error, cut to one line; the name of its class where it has none."""
    errors = getattr(error, "errors", None)
    if errors is not None and _from(error, ("pydantic", "pydantic_core")):
        found = errors()
        lines = [f"{'.'.join(map(str, each['loc'])) or 'value'}: {each['msg']}" for each in found[:5]]
        more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
        return "; ".join(lines).replace("Value error, ", "") + more
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{error.strerror[:1].lower()}{error.strerror[1:]}"
    if isinstance(error, KeyError) and error.args:
        return str(error.args[0])
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _from(error: BaseException, packages: tuple[str, ...]) -> bool:
    """Whether the error, or one of its base classes, is defined in one of these packages."""
    return any(kind.__module__.partition(".")[0] in packages for kind in type(error).__mro__)
