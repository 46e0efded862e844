"""The terminal: results go to standard output, remarks and progress to standard error; names are never cut.

Text is printed as it is: `[x]` in a file name is no markup. Colors are given by `style=` or `rich.text.Text`.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import Progress, ProgressColumn
from rich.table import Table

_PLAIN: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}

results = Console(**_PLAIN)
"""What a command was asked for."""

notes = Console(stderr=True, **_PLAIN)
"""What is said beside it. Silent under `-q`."""


def show(text: str, style: str | None = None) -> None:
    """Print a line of the result, never wrapped."""
    results.print(text, style=style, soft_wrap=True)


def note(text: str, style: str | None = None) -> None:
    """Say something beside the result."""
    notes.print(text, style=style, soft_wrap=True)


def warn(text: str) -> None:
    """Say something that is not quite as wanted."""
    note(text, "yellow")


def fail(text: str) -> None:
    """Say what went wrong, also under `-q`."""
    Console(stderr=True, **_PLAIN).print(text, style="red", soft_wrap=True)


def progress(*columns: str | ProgressColumn) -> Progress:
    """Bars that vanish when they are done; none under `-q` or on a pipe."""
    return Progress(*columns, console=notes, transient=True, disable=notes.quiet or not notes.is_terminal)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "", caption: str = "") -> None:
    """Print a table; its first column holds names.

    On a terminal long cells go on in the next line. On a pipe there is one line of tab-separated cells per row, without
    title and heads; the caption goes to standard error.
    """
    if not results.is_terminal:
        for row in rows:
            print("\t".join(" ".join(str(cell).split()) for cell in row))
        if caption:
            note(caption)
        return
    results.print(rich_table(columns, rows, title=title, caption=caption))


def rich_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "", caption: str = "") -> Table:
    """The table as it stands on a terminal."""
    table = Table(title=title or None, caption=caption or None, title_justify="left", caption_justify="left")
    widest = max((len(str(row[0])) for row in rows), default=0)
    table.add_column(columns[0], overflow="fold", min_width=min(widest, max(20, results.width - 30)))
    for k, name in enumerate(columns[1:], start=1):
        numbers = bool(rows) and all(_is_number(row[k]) for row in rows)
        table.add_column(name, overflow="fold", justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(cell if hasattr(cell, "__rich_console__") else str(cell) for cell in row))
    return table


def show_json(content: Any) -> None:
    """Print JSON, numbers that are not finite as null."""
    print(json.dumps(_finite(content), indent=1, ensure_ascii=False))


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _is_number(cell: Any) -> bool:
    text = str(cell).strip("-–~%<> ")
    return not text or text[0].isdigit()
