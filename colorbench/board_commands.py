"""`colorbench leaderboard`: its commands, each one public function of colorbench.leaderboard."""

from pathlib import Path
from typing import Annotated

import typer

from colorbench.errors import WrongUsage
from colorbench.options import Device, Json, Resize, Source

app = typer.Typer(help="Build, check, export, submit to, publish or serve a board.", no_args_is_help=True)

Board = Annotated[Path, typer.Argument(help="A suite's folder, such as runs/mini.")]
Pictures = Annotated[
    bool,
    typer.Option(
        "--pictures/--no-pictures", help="Show test photos and predictions; their license must allow publishing."
    ),
]


@app.command("build")
def build_board(
    folder: Board,
    out: Annotated[Path | None, typer.Option("--out", help="Default: FOLDER/board.")] = None,
    strips: Annotated[int, typer.Option(min=0, help="Photos to show; 0 shows none.")] = 4,
    photo: Annotated[list[str] | None, typer.Option(help="Id of a photo to show; repeatable.")] = None,
    pictures: Pictures = True,
    set_intervals: Annotated[
        bool, typer.Option(help="Also FID and KID intervals over photos; runs Inception on every prediction.")
    ] = False,
    badges: Annotated[
        bool, typer.Option("--badges", help="Check the records first, and show how far each was checked.")
    ] = False,
    all_metrics: Annotated[
        bool,
        typer.Option(
            help="On generated scenes: show what every metric rewards, also those that need weights (minutes)."
        ),
    ] = False,
) -> None:
    """Make tables, plots and pages from the records.

    A folder of suites, such as leaderboards/, gives every board and a page that lists them.
    """
    from colorbench.console import building
    from colorbench.leaderboard import badges_of, build, check, publish_all
    from colorbench.leaderboard.entries import record_files

    if folder.is_dir() and not record_files(folder) and any(record_files(suite) for suite in folder.iterdir()):
        if photo or set_intervals or badges or all_metrics:
            raise WrongUsage("--photo, --set-intervals, --badges and --all-metrics go with the folder of one suite")
        typer.echo(f"written to {publish_all(folder, out or folder / 'board', pictures=pictures, say=typer.echo)}")
        return
    with building() as say:
        made = build(
            folder,
            out,
            strips=strips,
            photos=photo,
            pictures=pictures,
            resample_sets=set_intervals,
            badges=badges_of(check(folder)) if badges else None,
            all_metrics=all_metrics,
            progress=say,
        )
    typer.echo(f"written to {made}")


@app.command("export")
def export_board(
    folder: Board,
    target: Annotated[Path, typer.Argument(help="Target folder, such as leaderboards/mini.")],
) -> None:
    """Copy what a repository keeps: records, scores, curves, suite, tables and two plots.

    Leaves out pictures, weights and pages.
    """
    from colorbench.console import building
    from colorbench.leaderboard import export

    with building():
        written = export(folder, target)
    typer.echo(f"written to {written}")


@app.command("check")
def check_board(
    folder: Board,
    rescore: Annotated[bool, typer.Option(help="Compute scores again from the stored pictures.")] = True,
    infer: Annotated[bool, typer.Option("--infer", help="Compute pictures again from the checkpoints.")] = False,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Train again from other seeds; takes as long as the board did.")
    ] = False,
    data: Source = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this recipe; repeatable.")] = None,
    as_json: Json = False,
) -> None:
    """Check each record, as far as its files allow.

    The steps: valid, plausible, re-scored, re-inferred, re-run.
    """
    from colorbench.publishing import check_and_print

    raise typer.Exit(
        check_and_print(folder, rescore=rescore, infer=infer, rerun=rerun, source=data, only=only, as_json=as_json)
    )


@app.command("submit")
def submit_board(
    predictions: Annotated[Path, typer.Argument(help="Folder of a colorizer's pictures of the board's test photos.")],
    folder: Board,
    name: Annotated[str, typer.Option(help="Name on the board, kebab-case.")],
    licence: Annotated[str, typer.Option("--license", "--licence", help="License of the colorizer.")],
    citation: Annotated[str, typer.Option(help="What to cite.")] = "",
    source: Annotated[str, typer.Option(help="Where the colorizer comes from, such as a URL.")] = "",
    resize: Resize = False,
    keep_lightness: Annotated[
        bool,
        typer.Option(help="Put the photo's lightness back before scoring, as for every entry; else score as it is."),
    ] = True,
) -> None:
    """Score an outside colorizer's pictures and enter them, marked as not trained under the budget."""
    from colorbench.console import add_bar, progress
    from colorbench.leaderboard import submit

    with progress() as bars:
        path = submit(
            predictions,
            folder,
            name=name,
            licence=licence,
            citation=citation,
            source=source,
            keep_lightness=keep_lightness,
            resize=resize,
            on_progress=add_bar(bars, "scoring the pictures"),
        )
    typer.echo(f"entered as {path}; run `colorbench leaderboard build {folder}`")


@app.command("submit-official")
def submit_official_board(
    generator: Annotated[str, typer.Argument(help="eccv16 or siggraph17.")],
    folder: Board,
    device: Device = None,
) -> None:
    """Color a board's photos with a generator's published weights and enter them, outside the budget.

    The file lies in the folder that COLORBENCH_WEIGHTS names, or is downloaded.
    """
    from colorbench.publishing import submit_official

    path = submit_official(generator, folder, device)
    typer.echo(f"entered as {path}; run `colorbench leaderboard build {folder}`")


@app.command("publish")
def publish_board(
    folder: Board,
    target: Annotated[str, typer.Argument(help="A folder, or hf://datasets/OWNER/NAME.")],
    parent_commit: Annotated[
        str | None, typer.Option(help="Refuse if the dataset has changed since this commit.")
    ] = None,
    pictures: Pictures = False,
) -> None:
    """Build a board with its pages and records at a folder (GitHub Pages) or a Hugging Face dataset."""
    from colorbench.console import building
    from colorbench.leaderboard import publish

    with building():
        place = publish(folder, target, parent_commit=parent_commit, pictures=pictures)
    typer.echo(f"published to {place}")


@app.command("card")
def write_card(
    folder: Board,
    entry: Annotated[str, typer.Argument(help="Name on the board, such as unet+l1.")],
    card: Annotated[Path, typer.Argument(help="The model card, a README.md; made if there is none.")],
) -> None:
    """Put an entry's scores into the metadata of a Hugging Face model card; its text stays."""
    from colorbench.leaderboard import write_model_card

    typer.echo(f"written to {write_model_card(folder, entry, card)}")


@app.command("serve")
def serve_board(folder: Board, port: Annotated[int, typer.Option(min=0, max=65535)] = 8000) -> None:
    """Show a built board on this machine only, until Ctrl-C."""
    from colorbench.leaderboard import serve

    with serve(folder, port) as server:
        typer.echo(f"http://127.0.0.1:{server.server_address[1]}/ (Ctrl-C ends it)")
        server.serve_forever()
