"""`colorbench score`, `retest` and `colorize` for people: progress, tables and sentences around the public functions."""

from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from colorbench.files import PICTURE_ENDINGS, bytes_sha256, write_atomically
from colorbench.plugins import load_plugins

console = Console(highlight=False)


def score_and_print(
    predictions: Path,
    references: Path,
    metrics: list[str] | None,
    *,
    out: Path | None,
    resize: bool,
    device: str | None,
    plugins: list[Path],
) -> None:
    """Score a folder, print the means, write the rows. Stopped, the same call goes on where it was."""
    from colorbench.leaderboard.scoring import forget_parts, score_folders_in_parts

    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise ValueError(f"--out {out} ends in {out.suffix!r}; write .csv or .parquet")
    load_plugins(plugins)
    with Progress(console=console, transient=True) as bars:
        task, parts = bars.add_task("scoring", total=None), _parts_folder(predictions, references, metrics, resize)

        def watch(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        frame = score_folders_in_parts(
            predictions, references, metrics, parts, resize=resize, device=device, on_progress=watch
        )
    console.print(means_table(frame))
    _tell_attributes(frame)
    if out is not None:
        write_atomically(out, _as_bytes(frame, out.suffix))
        console.print(f"{len(frame)} rows written to {out}")
    forget_parts(parts)


def _parts_folder(*request) -> Path:
    """Where what is scored of this request waits for the rest: in the cache, named by the request."""
    from colorbench.data import cache_folder

    named = repr([str(part.resolve()) if isinstance(part, Path) else part for part in request])
    return cache_folder() / "scores" / bytes_sha256(named.encode())[:32]


def means_table(frame) -> Table:
    """Mean, spread over pictures and count of every metric."""
    from colorbench.metrics import METRICS
    from colorbench.metrics.score import mean_scores

    printed = Table("metric", "mean", "sd over pictures", "pictures", "better", "unit")
    means = mean_scores(frame)
    for key in frame.columns:
        row, finite = METRICS[key], frame[key].replace([float("inf")], float("nan")).dropna()
        better = {True: "higher", False: "lower", None: "-"}[row.higher_is_better]
        printed.add_row(key, f"{means[key]:.4f}", f"{finite.std():.4f}", str(len(finite)), better, row.unit or "-")
    for key, value in frame.attrs["set"].items():
        printed.add_row(key, f"{value:.4f}", "-", str(len(frame)), "lower", "-")
    return printed


def _tell_attributes(frame) -> None:
    attributes = frame.attrs
    for key, reason in attributes["missing"].items():
        console.print(f"[yellow]{key} is empty[/]: {reason}")
    for key, note in attributes["notes"].items():
        console.print(f"[yellow]{key}[/]: {note}")
    if attributes["identical"]:
        console.print(
            f"{attributes['identical']} pictures equal their photo; their psnr is infinite and left out of the mean"
        )
    for name, reason in list(attributes["unreadable"].items())[:10]:
        console.print(f"[yellow]{name} is left out[/]: {reason}")
    if unmatched := attributes["unmatched"]:
        console.print(f"[yellow]{len(unmatched)} names stand in one folder only[/], such as {', '.join(unmatched[:3])}")


def _as_bytes(frame, ending: str) -> bytes:
    import io

    frame = frame.copy()
    frame.attrs = {}
    if ending == ".csv":
        return frame.to_csv().encode()
    buffer = io.BytesIO()
    frame.reset_index().to_parquet(buffer, index=False)
    return buffer.getvalue()


def retest_and_print(
    folder: Path,
    source: str | None,
    name: str,
    *,
    dataset: str | None,
    metrics: list[str] | None,
    train_source: str | None,
    device: str | None,
    plugins: list[Path],
) -> int:
    """Test a finished board's generators on other photos; 1 when some of them could not be tested."""
    from colorbench.grid.retest import plan_retest, retest

    load_plugins(plugins)
    with console.status("looking at the photos"):
        plan = plan_retest(folder, source, name, dataset=dataset, metrics=metrics, train_source=train_source)
    for sentence in plan.told:
        console.print(f"{sentence}.")
    with Progress(console=console, transient=True) as bars:
        task = bars.add_task("testing", total=len(plan.todo) or 1)
        report = retest(
            plan, device=device, on_cell=lambda name, done, _: bars.update(task, description=name, completed=done)
        )
    console.print(f"{len(report.records)} records tested on {len(plan.photos)} photos, {report.done} were done before.")
    for sentence in report.left_out:
        console.print(f"[yellow]left out[/]: {sentence}")
    if report.board:
        console.print((report.board / "table.md").read_text(), markup=False, soft_wrap=True)
        console.print(f"Board: {report.board / 'index.html'}")
        console.print(f"`colorbench leaderboard build {folder}` links the two boards.")
    return 1 if report.left_out else 0


def colorize_and_print(
    checkpoint: Path, photos: list[Path], *, out: Path, size_px: int | None, device: str | None
) -> None:
    """Colour photos and say where they are."""
    from colorbench.training.colorize import colorize

    files = list(_files(photos))
    if not files:
        raise ValueError(f"no pictures in {', '.join(map(str, photos))}; give photo files or folders that hold some")
    refused: list[str] = []

    def tell(path: Path, target: Path | None, problem: str) -> None:
        if target is None:
            refused.append(path.name)
            console.print(f"[red]{path.name}[/]: {problem}")
        else:
            console.print(f"{path.name} -> {target}")

    written = colorize(checkpoint, files, out, device=device or "cpu", size_px=size_px, on_photo=tell)
    if not written:
        raise ValueError(f"none of the {len(files)} pictures could be coloured")


def _files(paths: list[Path]):
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURE_ENDINGS and p.is_file())
        else:
            yield path
