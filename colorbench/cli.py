"""The command line: each verb is one public function. Heavy imports wait until a verb needs them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Train every colorization generator with every loss for the same money, and publish the board.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
boards = typer.Typer(help="Build, check, submit, publish or look at a board.", no_args_is_help=True)
app.add_typer(boards, name="leaderboard")

Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", help="Python file with tables of your own; repeatable.")
]
Source = Annotated[str | None, typer.Option("--data", help="A folder of photos, or a Hugging Face dataset id.")]
Out = Annotated[Path, typer.Option("--out", help="Where results go.")]
TableFile = Annotated[
    Path | None,
    typer.Option("--table", help="A step table, which turns a budget in reference seconds (8rs) into steps."),
]
Device = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]


@app.command("list")
def list_tables(
    kind: Annotated[
        str | None, typer.Argument(help="generators, losses, metrics, datasets or suites; default all.")
    ] = None,
    plugin: Plugins = None,
) -> None:
    """What there is to choose from."""
    from colorbench.listing import print_tables

    print_tables(kind, plugin or [])


@app.command()
def run(
    suite: Annotated[str, typer.Argument(help="A shipped suite (see `colorbench list suites`) or a .toml file.")],
    data: Source = None,
    generator: Annotated[list[str] | None, typer.Option(help="Only this generator; repeatable.")] = None,
    loss: Annotated[
        list[str] | None, typer.Option(help='A loss expression, such as "100*l1 + patchgan"; repeatable.')
    ] = None,
    head: Annotated[str | None, typer.Option(help="ab, luv, rgb or bins, with --generator or --loss.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Seeds per recipe.")] = None,
    budget: Annotated[str | None, typer.Option(help="60s, 500steps, 20000samples, 1e15flops or 8rs.")] = None,
    table: TableFile = None,
    size: Annotated[int | None, typer.Option(min=16, help="Side of the pictures in pixels.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Photos a step.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="embedded, folder, paired, train-val or hub; default as the suite says.")
    ] = None,
    out: Out = Path("runs"),
    executor: Annotated[str, typer.Option(help="Who runs the cells: local, ray or slurm.")] = "local",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE for ray or slurm, such as partition=gpu or time=4:00:00; repeatable."),
    ] = None,
    device: Device = None,
    jobs: Annotated[int, typer.Option(min=1, help="Cells side by side on the CPU.")] = 1,
    plugin: Plugins = None,
    rescore: Annotated[
        bool, typer.Option(help="Score stored predictions again, for instance once weights are there.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option(help="Show the cells, what is done and the expected time; start nothing.")
    ] = False,
) -> None:
    """Train a suite's cells under its budget, score them, and build the board. Run it again to finish what is left."""
    from colorbench.running import run_suite

    overrides = {
        "generators": generator or (),
        "losses": loss or (),
        "head": head,
        "seeds": seeds,
        "budget": budget,
        "size_px": size,
        "batch": batch,
        "dataset": dataset,
    }
    raise typer.Exit(
        run_suite(
            suite,
            source=data,
            overrides=overrides,
            table=table,
            settings=settings or [],
            out=out,
            executor=executor,
            device=device,
            jobs=jobs,
            plugins=plugin or [],
            rescore=rescore,
            dry_run=dry_run,
        )
    )


@app.command()
def calibrate(
    suite: Annotated[str, typer.Argument(help="A shipped suite or a .toml file.")],
    data: Source = None,
    generator: Annotated[list[str] | None, typer.Option(help="Only this generator; repeatable.")] = None,
    loss: Annotated[list[str] | None, typer.Option(help="Only this loss expression; repeatable.")] = None,
    size: Annotated[int | None, typer.Option(min=16, help="Side of the pictures in pixels.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Photos a step.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The table's file; default SUITE-steps.json.")] = None,
    device: Device = None,
    warmup: Annotated[int | None, typer.Option(min=0, help="Steps before a model's first block.")] = None,
    block_steps: Annotated[int | None, typer.Option(min=1, help="Steps in each of the five blocks.")] = None,
    plugin: Plugins = None,
) -> None:
    """Time a step of every recipe on this device and write the step table. Run it again to finish what is left."""
    from colorbench.calibrating import calibrate_suite

    overrides = {"generators": generator or (), "losses": loss or (), "size_px": size, "batch": batch}
    steps = {"warmup_steps": warmup, "block_steps": block_steps}
    raise typer.Exit(
        calibrate_suite(suite, source=data, overrides=overrides, out=out, device=device, plugins=plugin or [], **steps)
    )


@app.command()
def schema(
    kind: Annotated[str, typer.Argument(help="record, suite or table (a step table).")] = "record",
) -> None:
    """The JSON Schema of a record, for validators in other languages."""
    from colorbench.listing import print_schema

    print_schema(kind)


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(help="An output folder of `colorbench run`.")] = Path("runs"),
    watch: Annotated[bool, typer.Option(help="Show it again every second until all is done.")] = False,
) -> None:
    """What every cell under a folder is doing now."""
    from colorbench.running import show_status

    show_status(folder, watch)


@app.command()
def score(
    predictions: Annotated[Path, typer.Argument(help="Folder of a colorizer's pictures.")],
    references: Annotated[Path, typer.Argument(help="Folder of the true photos; matched by file name without ending.")],
    metrics: Annotated[
        list[str] | None, typer.Option("--metrics", help="Keys, repeatable or with commas; default all per-image ones.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write one row a picture to this .csv or .parquet file.")] = None,
    resize: Annotated[bool, typer.Option(help="Bring predictions of another size to the photo's size.")] = False,
    device: Device = None,
    plugin: Plugins = None,
) -> None:
    """Score any colorizer's pictures, folder against folder."""
    from colorbench.scoring import score_and_print

    keys = [key.strip() for group in metrics or [] for key in group.split(",") if key.strip()]
    score_and_print(predictions, references, keys or None, out=out, resize=resize, device=device, plugins=plugin or [])


@app.command()
def retest(
    folder: Annotated[Path, typer.Argument(help="A finished suite's folder, such as runs/mini.")],
    name: Annotated[str, typer.Option(help="Name of this test set, such as kodak; the board is called SUITE-NAME.")],
    data: Source = None,
    dataset: Annotated[
        str | None, typer.Option(help="embedded, folder, paired or hub; default folder, or hub for an id.")
    ] = None,
    metrics: Annotated[
        list[str] | None, typer.Option("--metrics", help="Keys, repeatable or with commas; default the suite's.")
    ] = None,
    train_data: Annotated[
        str | None,
        typer.Option(help="The photos trained on, which mean-ab asks for; default where the run found them."),
    ] = None,
    device: Device = None,
    plugin: Plugins = None,
) -> None:
    """Test a finished board's generators on all photos of another set; a board beside it. Run it again to go on."""
    from colorbench.scoring import retest_and_print

    keys = [key.strip() for group in metrics or [] for key in group.split(",") if key.strip()]
    options = {"dataset": dataset, "metrics": keys or None, "train_source": train_data}
    raise typer.Exit(retest_and_print(folder, data, name, device=device, plugins=plugin or [], **options))


@app.command()
def colorize(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint.safetensors of a run.")],
    photos: Annotated[list[Path], typer.Argument(help="Photo files or folders.")],
    out: Out = Path("colorized"),
    size: Annotated[
        int | None, typer.Option(min=16, help="Short side that the generator sees; default as trained.")
    ] = None,
    device: Device = None,
) -> None:
    """Colour your own photos with a trained generator."""
    from colorbench.scoring import colorize_and_print

    colorize_and_print(checkpoint, photos, out=out, size_px=size, device=device)


@app.command()
def doctor() -> None:
    """What this machine has, what is missing, and what to do about it."""
    from colorbench.doctor import examine

    raise typer.Exit(examine())


@app.command()
def check(file: Annotated[Path, typer.Argument(help="A plug-in file.")]) -> None:
    """Does this plug-in keep the promises of its table?"""
    from colorbench.listing import check_plugin

    raise typer.Exit(check_plugin(file))


Board = Annotated[Path, typer.Argument(help="A suite's folder, such as runs/mini.")]
Pictures = Annotated[
    bool,
    typer.Option("--pictures/--no-pictures", help="Show test photos and predictions; not all photos may be published."),
]


@boards.command("build")
def build_board(
    folder: Board,
    out: Annotated[Path | None, typer.Option("--out", help="Default: FOLDER/board.")] = None,
    strips: Annotated[int, typer.Option(min=0, help="Photos to show; 0 shows none.")] = 4,
    photo: Annotated[list[str] | None, typer.Option(help="Id of a photo to show; repeatable.")] = None,
    pictures: Pictures = True,
    set_intervals: Annotated[
        bool, typer.Option(help="FID and KID intervals over photos too: every prediction passes through Inception.")
    ] = False,
) -> None:
    """Tables, plots and pages from the records; of a folder of suites, every board and a page that lists them (--out)."""
    from colorbench.leaderboard import build, publish_all
    from colorbench.leaderboard.entries import record_files

    if out is not None and folder.is_dir() and not record_files(folder):
        typer.echo(f"written to {publish_all(folder, out, pictures=pictures, say=typer.echo)}")
        return
    made = build(folder, out, strips=strips, photos=photo, pictures=pictures, resample_sets=set_intervals)
    typer.echo(f"written to {made}")


@boards.command("export")
def export_board(
    folder: Board,
    target: Annotated[Path, typer.Argument(help="Such as leaderboards/mini.")],
) -> None:
    """Copy what is worth keeping: records, scores, curves, suite, tables and two plots; no pictures, weights or pages."""
    from colorbench.leaderboard import export

    typer.echo(f"written to {export(folder, target)}")


@boards.command("check")
def check_board(
    folder: Board,
    rescore: Annotated[bool, typer.Option(help="Compute scores again from the stored pictures.")] = True,
    infer: Annotated[bool, typer.Option(help="Compute pictures again from the checkpoints.")] = False,
    rerun: Annotated[bool, typer.Option(help="Train again from seeds of the checker; takes the board's time.")] = False,
    data: Source = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this recipe; repeatable.")] = None,
) -> None:
    """How far each record can be believed: valid, plausible, re-scored, re-inferred, re-run."""
    from colorbench.publishing import check_and_print

    raise typer.Exit(check_and_print(folder, rescore=rescore, infer=infer, rerun=rerun, source=data, only=only))


@boards.command("submit")
def submit_board(
    predictions: Annotated[Path, typer.Argument(help="Folder of a colorizer's pictures of the board's test photos.")],
    folder: Board,
    name: Annotated[str, typer.Option(help="Name on the board, kebab-case.")],
    licence: Annotated[str, typer.Option(help="Licence of the colorizer.")],
    citation: Annotated[str, typer.Option(help="What to cite.")] = "",
    source: Annotated[str, typer.Option(help="Where it comes from.")] = "",
    resize: Annotated[bool, typer.Option(help="Bring predictions of another size to the photo's size.")] = False,
) -> None:
    """Score an outside colorizer's pictures and enter them, marked as not trained under the budget."""
    from colorbench.leaderboard import submit

    facts = {"name": name, "licence": licence, "citation": citation, "source": source, "resize": resize}
    typer.echo(f"entered as {submit(predictions, folder, **facts)}; run `colorbench leaderboard build {folder}`")


@boards.command("publish")
def publish_board(
    folder: Board,
    target: Annotated[str, typer.Argument(help="A folder, or hf://datasets/OWNER/NAME.")],
    parent_commit: Annotated[
        str | None, typer.Option(help="Refuse when the dataset moved on since this commit.")
    ] = None,
    pictures: Pictures = False,
) -> None:
    """Build a board with its pages and records at a folder (GitHub Pages) or a Hugging Face dataset."""
    from colorbench.leaderboard import publish

    place = publish(folder, target, parent_commit=parent_commit, pictures=pictures)
    typer.echo(f"published to {place}")


@boards.command("serve")
def serve_board(folder: Board, port: Annotated[int, typer.Option(min=0, max=65535)] = 8000) -> None:
    """Show a built board on this machine only, until Ctrl-C."""
    from colorbench.leaderboard import serve

    with serve(folder, port) as server:
        typer.echo(f"http://127.0.0.1:{server.server_address[1]}/ (Ctrl-C ends it)")
        server.serve_forever()


def main() -> None:
    """Entry point. Expected errors are one line on standard error and status 1 (2 for unknown names), never a traceback."""
    try:
        app()
    except KeyboardInterrupt:
        _say("stopped; the same command goes on from here")
        sys.exit(130)
    except KeyError as error:
        _say(str(error.args[0]) if error.args else str(error))
        sys.exit(2)
    except (ValueError, OSError, RuntimeError) as error:
        import os

        if os.environ.get("COLORBENCH_TRACEBACK"):
            raise
        _say(f"{type(error).__name__}: {error}" if isinstance(error, OSError) else str(error))
        sys.exit(1)


def _say(text: str) -> None:
    typer.secho(f"colorbench: {text}", err=True, fg=typer.colors.RED)


if __name__ == "__main__":
    main()
