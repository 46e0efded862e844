"""Print to the terminal: results on standard output, remarks and progress on standard error; names are never cut.

Text is printed as it is: `[x]` in a file name is not markup. Colors are given by `style=` or `rich.text.Text`.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

_PLAIN: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}

_LEAST_NAME, _LEAST_TEXT = 24, 24  # columns; a narrower table is harder to read than entries
results = Console(**_PLAIN)
"""The result of a command, on standard output."""

notes = Console(stderr=True, **_PLAIN)
"""Remarks and progress, on standard error. Silent under `-q`."""


def show(text: str, style: str | None = None) -> None:
    """Print a line of the result, never wrapped."""
    results.print(text, style=style, soft_wrap=True)


def show_sentences(text: str) -> None:
    """Print prose of the result: on a terminal a line ends between words, on a pipe only where the text ends."""
    results.print(text, soft_wrap=not results.is_terminal)


def note(text: str, style: str | None = None) -> None:
    """Print a remark on standard error."""
    notes.print(text, style=style, soft_wrap=True)


def warn(text: str) -> None:
    """Print a warning."""
    note(text, "yellow")


def fail(text: str) -> None:
    """Print an error, also under `-q`."""
    Console(stderr=True, **_PLAIN).print(text, style="red", soft_wrap=True)


def progress(*columns: str | ProgressColumn) -> Progress:
    """Bars that disappear when they are done; none under `-q` or on a pipe. Without columns: name, bar, share, time left."""
    columns = columns or (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeLeft())
    return Progress(*columns, console=notes, transient=True, disable=notes.quiet or not notes.is_terminal)


def add_bar(bars: Progress, label: str) -> Callable[[int, int], None]:
    """Add a bar and return the function that moves it: how many are done, how many there are."""
    task = bars.add_task(label, total=None)
    return lambda done, total: bars.update(task, completed=done, total=total)


@contextmanager
def loading(what: str = "torch") -> Iterator[None]:
    """Say on a terminal what is being loaded: seconds in which nothing else is seen."""
    with notes.status(f"loading {what}"):
        yield


@contextmanager
def building() -> Iterator[Callable[[str], None]]:
    """Say on a terminal that a board is being built; yield a function that is called with the part in work."""
    with notes.status("building the board") as status:
        yield lambda part: status.update(f"building the board: {part}")


class TimeLeft(ProgressColumn):
    """The time that a bar has left, in words."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        left = None if task.finished else task.time_remaining
        return Text("" if left is None else f"about {duration(left)} left")


def duration(seconds: float | int) -> str:
    """
    >>> [duration(seconds) for seconds in (3.0, 300.0, 5400.0, 200000.0)]
    ['3 s', '5 min', '1.5 h', '2.3 days']
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172800 else f"{seconds / 86400:.1f} days"


def show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "", caption: str = "") -> None:
    """Print a table; its first column holds names.

    On a terminal too narrow for a table, each row is its name and then its other cells, indented. On a pipe there is one
    line of tab-separated cells per row, without title and heads; the caption goes to standard error.
    """
    if not results.is_terminal:
        for row in rows:
            print("\t".join(" ".join(str(cell).split()) for cell in row))
        if caption:
            note(caption)
        return
    widths = _widths(columns, rows)
    room = results.width - 3 * len(columns) - 1
    if sum(widths[1:]) + min(widths[0], _LEAST_NAME) <= room:
        results.print(rich_table(columns, rows, title=title, caption=caption))
    elif sum(widths[:-1]) + min(widths[-1], _LEAST_TEXT) <= room:
        results.print(rich_table(columns, rows, title=title, caption=caption, flexible=len(columns) - 1))
    else:
        _show_entries(columns, rows, title, caption)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[int]:
    return [max(cell_len(str(cell)) for cell in (name, *(row[k] for row in rows))) for k, name in enumerate(columns)]


def rich_table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "", caption: str = "", flexible: int = 0
) -> Table:
    """The table as it is on a terminal; the flexible column wraps where the screen ends."""
    table = Table(title=title or None, caption=caption or None, title_justify="left", caption_justify="left")
    for k, name in enumerate(columns):
        numbers = k > 0 and bool(rows) and all(_is_number(row[k]) for row in rows)
        table.add_column(name, overflow="fold", justify="right" if numbers else "left", no_wrap=k != flexible)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else str(cell) for cell in row))
    return table


def _show_entries(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str, caption: str) -> None:
    """Each row as its name and, indented, its other cells."""
    if title:
        show(title, "italic")
    for name, *cells in rows:
        show(str(name), "bold")
        said = [f"{column}: {cell}" for column, cell in zip(columns[1:], cells) if str(cell) not in ("", "-")]
        results.print(Padding(Text("; ".join(said), overflow="fold"), (0, 0, 0, 4), expand=False))
    if caption:
        show(caption, "dim")


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
