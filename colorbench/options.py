"""Options that several commands share, with their help."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer

TABLES = ("generators", "losses", "metrics", "datasets", "suites", "protocols")
"""What `colorbench list` lists."""


def shipped_suites() -> list[str]:
    return sorted(path.stem for path in (Path(__file__).parent / "suites").glob("*.toml"))


def beginning(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Shell completion from names."""
    return lambda incomplete: [name for name in names() if name.startswith(incomplete)]


SuiteName = Annotated[
    str,
    typer.Argument(
        metavar="SUITE",
        help="A shipped suite (see `colorbench list suites`) or a .toml file.",
        autocompletion=beginning(shipped_suites),
    ),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", help="A Python file with generators, losses, metrics or datasets; repeatable."),
]
Source = Annotated[str | None, typer.Option("--data", help="A folder of photos, or a Hugging Face dataset id.")]
Out = Annotated[Path, typer.Option("--out", help="Where results go.")]
TableFile = Annotated[
    Path | None,
    typer.Option("--table", help="A step table, which turns a budget in reference seconds (8rs) into steps."),
]
Device = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N; default auto.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Metrics = Annotated[list[str] | None, typer.Option("--metrics", help="Metric names, repeatable or comma-separated.")]
Protocols = Annotated[
    list[str] | None,
    typer.Option(
        "--protocol",
        help="Score as a paper's script does: a name of `colorbench list protocols`, or all; repeatable.",
    ),
]
Resize = Annotated[bool, typer.Option("--resize", help="Resize predictions of another size to the photo's size.")]
Size = Annotated[int | None, typer.Option("--size", min=16, help="Side of the pictures in pixels.")]
Batch = Annotated[int | None, typer.Option("--batch", min=1, help="Photos per step.")]


def split_names(groups: list[str] | None) -> list[str] | None:
    """`--metrics a,b --metrics c` as a list; None when nothing was given."""
    return [name.strip() for group in groups or [] for name in group.split(",") if name.strip()] or None
