"""`colorbench score`, `compare` and `colorize`: the commands that take pictures, each one public function."""

from pathlib import Path
from typing import Annotated

import typer

from colorbench.errors import WrongUsage
from colorbench.options import Device, Json, Metrics, Out, Plugins, Protocols, Resize, split_names


def score(
    predictions: Annotated[
        Path, typer.Argument(help="Folder of a colorizer's pictures, or of a folder of samples per photo.")
    ],
    references: Annotated[Path, typer.Argument(help="Folder of the true photos; matched by file name without ending.")],
    metrics: Metrics = None,
    protocol: Protocols = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write one row per picture to this .csv or .parquet file; with --protocol one per measure."
        ),
    ] = None,
    resize: Resize = False,
    device: Device = None,
    plugin: Plugins = None,
    as_json: Json = False,
) -> None:
    """Score any colorizer's pictures, folder against folder.

    With --protocol: by the rules of papers' own scripts, one column per protocol.
    """
    from colorbench.scoring import score_and_print

    if protocol and metrics:
        raise WrongUsage(
            "got both --metrics and --protocol, and a protocol has its own metrics: leave out one of the two"
        )
    score_and_print(
        predictions,
        references,
        split_names(metrics),
        protocols=split_names(protocol),
        out=out,
        resize=resize,
        device=device,
        plugins=plugin or [],
        as_json=as_json,
    )


def compare(
    a: Annotated[
        Path, typer.Argument(help="An entry (runs/mini/unet+l1), a board (runs/mini) or a folder of pictures.")
    ],
    b: Annotated[Path, typer.Argument(help="Another of the same kind; a bare name is an entry of A's board.")],
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metric", "--metrics", help="Metric names, repeatable or comma-separated; default all."),
    ] = None,
    truth: Annotated[Path | None, typer.Option("--truth", help="The true photos, for two folders of pictures.")] = None,
    photos: Annotated[int, typer.Option(min=0, help="How many of the most different photos to list.")] = 6,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write values and differences of every photo, and a plot, to this folder."),
    ] = None,
    resize: Resize = False,
    device: Device = None,
    plugin: Plugins = None,
    as_json: Json = False,
) -> None:
    """Compare two entries, boards or folders of pictures: difference, interval, p, and what it takes to tell them apart."""
    from colorbench.comparing import compare_and_print

    options = {"resize": resize, "device": device, "plugins": plugin or [], "as_json": as_json}
    compare_and_print(a, b, split_names(metrics), truth=truth, photos=photos, out=out, **options)


def colorize(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint.safetensors of a run, or official:eccv16.")],
    photos: Annotated[list[Path], typer.Argument(help="Photo files or folders.")],
    out: Out = Path("colorized"),
    size: Annotated[
        int | None, typer.Option(min=16, help="Short side in pixels that the generator sees; default as trained.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace pictures of an earlier call.")] = False,
    device: Device = None,
) -> None:
    """Colorize your own photos with a trained generator."""
    from colorbench.scoring import colorize_and_print

    raise typer.Exit(colorize_and_print(checkpoint, photos, out=out, size_px=size, overwrite=overwrite, device=device))
