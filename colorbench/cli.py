"""The command line: each verb is one public function. Heavy imports wait until a verb needs them."""

from pathlib import Path
from typing import Annotated

import typer

from colorbench import __version__, board_commands, picture_commands
from colorbench.options import (
    TABLES,
    Batch,
    Device,
    Json,
    Metrics,
    Out,
    Plugins,
    Size,
    Source,
    SuiteName,
    TableFile,
    beginning,
    split_names,
)

_EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C."


app = typer.Typer(
    help="Train every colorization generator with every loss under the same budget, and publish the board.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: three times as fast, and nothing is cut
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.add_typer(board_commands.app, name="leaderboard")

_EXECUTORS = ("local", "ray", "slurm")


def _version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"colorbench {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def everywhere(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print results and errors only.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show where an error comes from.")] = False,
) -> None:
    if quiet:
        from colorbench.console import notes

        notes.quiet = True


@app.command("list")
def list_tables(
    kind: Annotated[
        str | None,
        typer.Argument(help=f"{', '.join(TABLES)}; default all.", autocompletion=beginning(lambda: TABLES)),
    ] = None,
    as_json: Json = False,
    plugin: Plugins = None,
) -> None:
    """List the generators, losses, metrics, datasets, suites and protocols."""
    from colorbench.listing import list_tables

    list_tables(kind, plugin or [], as_json)


@app.command()
def run(
    suite: SuiteName,
    data: Source = None,
    generator: Annotated[list[str] | None, typer.Option(help="Only this generator; repeatable.")] = None,
    loss: Annotated[
        list[str] | None, typer.Option(help='A loss expression, such as "100*l1 + patchgan"; repeatable.')
    ] = None,
    head: Annotated[str | None, typer.Option(help="ab, luv, rgb or bins; needs --generator or --loss.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Seeds per recipe.")] = None,
    budget: Annotated[str | None, typer.Option(help="60s, 500steps, 20000samples, 1e15flops or 8rs.")] = None,
    table: TableFile = None,
    size: Size = None,
    batch: Batch = None,
    dataset: Annotated[
        str | None, typer.Option(help="A name of `colorbench list datasets`; default as the suite says.")
    ] = None,
    out: Out = Path("runs"),
    executor: Annotated[
        str,
        typer.Option(help="What runs the cells: local, ray or slurm.", autocompletion=beginning(lambda: _EXECUTORS)),
    ] = "local",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE for ray or slurm, such as partition=gpu or time=4:00:00; repeatable."),
    ] = None,
    device: Device = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Cells run at once per device; default: as many as fit a GPU, one per CPU core up to 64 px, else 1.",
        ),
    ] = None,
    plugin: Plugins = None,
    rescore: Annotated[
        bool, typer.Option("--rescore", help="Score stored predictions again, for instance after adding weights.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, show the cells and the expected time, start nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a suite's cells, score them and build the board.

    Run it again to finish what is left.
    """
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
            as_json=as_json,
        )
    )


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(help="An output folder of `colorbench run`.")] = Path("runs"),
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every second until all cells are done.")] = False,
    as_json: Json = False,
) -> None:
    """Show what every cell under a folder is doing."""
    from colorbench.status import show_status

    show_status(folder, watch, as_json)


for command in (picture_commands.score, picture_commands.compare, picture_commands.colorize):
    app.command()(command)


@app.command()
def retest(
    folder: Annotated[Path, typer.Argument(help="A finished suite's folder, such as runs/mini.")],
    name: Annotated[str, typer.Option(help="Name of this test set, such as kodak; the board is called SUITE-NAME.")],
    data: Source = None,
    dataset: Annotated[
        str | None, typer.Option(help="A name of `colorbench list datasets`; default folder, or hub for a dataset id.")
    ] = None,
    metrics: Metrics = None,
    train_data: Annotated[
        str | None,
        typer.Option(help="The training photos, which mean-ab needs; default: where the run found them."),
    ] = None,
    sizes: Annotated[
        list[str] | None,
        typer.Option("--sizes", help="Inference sizes in pixels, such as 64,128; default as trained."),
    ] = None,
    device: Device = None,
    plugin: Plugins = None,
) -> None:
    """Test a finished board's generators on another set of photos.

    Makes a board beside the first. Run it again to finish what is left.
    """
    from colorbench.scoring import retest_and_print

    options = {
        "dataset": dataset,
        "metrics": split_names(metrics),
        "train_source": train_data,
        "sizes": split_names(sizes),
    }
    raise typer.Exit(retest_and_print(folder, data, name, device=device, plugins=plugin or [], **options))


@app.command()
def calibrate(
    suite: SuiteName,
    data: Source = None,
    generator: Annotated[list[str] | None, typer.Option(help="Only this generator; repeatable.")] = None,
    loss: Annotated[list[str] | None, typer.Option(help="Only this loss expression; repeatable.")] = None,
    size: Size = None,
    batch: Batch = None,
    out: Annotated[Path | None, typer.Option("--out", help="The table's file; default SUITE-steps.json.")] = None,
    device: Device = None,
    warmup: Annotated[
        int | None, typer.Option(min=0, help="Untimed warm-up steps before a model's first block.")
    ] = None,
    block_steps: Annotated[int | None, typer.Option(min=1, help="Timed steps in each of the five blocks.")] = None,
    plugin: Plugins = None,
) -> None:
    """Time a step of every recipe; write the step table.

    Run it again to finish what is left.
    """
    from colorbench.calibrating import calibrate_suite

    overrides = {"generators": generator or (), "losses": loss or (), "size_px": size, "batch": batch}
    steps = {"warmup_steps": warmup, "block_steps": block_steps}
    raise typer.Exit(
        calibrate_suite(suite, source=data, overrides=overrides, out=out, device=device, plugins=plugin or [], **steps)
    )


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A Python file with generators, losses, metrics or datasets.")],
    data: Source = None,
) -> None:
    """Check that a plug-in's rows meet the requirements of their tables."""
    from colorbench.console import loading

    with loading():
        from colorbench.checking import check_and_print
    raise typer.Exit(check_and_print(file, data))


@app.command()
def doctor() -> None:
    """Show what this machine has, what is missing, and what to do."""
    from colorbench.doctor import examine

    raise typer.Exit(examine())


@app.command()
def schema(
    kind: Annotated[str, typer.Argument(help="record, suite or table (a step table).")] = "record",
) -> None:
    """Print the JSON Schema of a record, a suite or a step table."""
    from colorbench.listing import print_schema

    print_schema(kind)
