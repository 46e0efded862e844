"""`colorbench score`, `retest` and `colorize`: progress, tables and messages around the public functions."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from colorbench.console import (
    add_bar,
    building,
    fail,
    loading,
    note,
    progress,
    results,
    show,
    show_json,
    show_table,
    warn,
)
from colorbench.errors import Stopped, WrongUsage, mistyped
from colorbench.files import bytes_sha256, cache_folder, printable, write_atomically
from colorbench.plugins import load_plugins
from colorbench.summary import show_summary

MOST_NAMED = 10
"""Files that are named one by one; the rest is counted."""


def score_and_print(
    predictions: Path,
    references: Path,
    metrics: list[str] | None = None,
    *,
    protocols: list[str] | None = None,
    out: Path | None,
    resize: bool,
    device: str | None,
    plugins: list[Path],
    as_json: bool = False,
) -> None:
    """Score a folder, print the means, write the rows. After a stop the same call continues.

    A folder of folders holds several samples per photo, which are scored by `score_samples`, anew at each call. With
    `protocols` it is scored, anew at each call, by the rules of papers: one row per measure, one column per protocol, and
    how far each measure moves.
    """
    _check_paths(predictions, references, out)
    parts = None
    with _starts_over() if protocols else nullcontext():
        load_plugins(plugins)
        with loading():
            from colorbench.leaderboard.scoring import forget_parts
            from colorbench.metrics import score_protocols
            from colorbench.metrics.samples import holds_samples, score_samples

            options = {"resize": resize, "device": first_device(device)}
        with progress() as bars:
            watch = add_bar(bars, "scoring")
            if protocols:
                frame = score_protocols(predictions, references, protocols, on_progress=watch, **options)
            elif holds_samples(predictions):
                with _starts_over():
                    frame = score_samples(predictions, references, metrics, on_progress=watch, **options)
            else:
                frame, parts = score_folder(predictions, references, metrics, watch, **options)
    rows = _show_protocols(frame, as_json) if protocols else _show_means(frame, as_json)
    if out is not None:
        write_atomically(out, _file_of(rows, out.suffix))
        note(f"{len(frame)} rows written to {out}")
    if parts:
        forget_parts(parts)


def first_device(device: str | None) -> str | None:
    """The first of the devices that `--device` names; None when it was not given."""
    from colorbench.grid.executors import find_devices

    return find_devices(device)[0] if device else None


def score_folder(
    predictions: Path,
    references: Path,
    metrics: list[str] | None,
    watch: Callable[[int, int], None],
    *,
    resize: bool,
    device: str | None,
):
    """The scores, and the folder of finished parts from which a stopped call continues; to be forgotten at the end."""
    from colorbench.leaderboard.scoring import score_folders_in_parts

    parts = _parts_folder(predictions, references, metrics, resize)
    options = {"resize": resize, "device": device, "on_progress": watch}
    return score_folders_in_parts(predictions, references, metrics, parts, **options), parts


def _show_means(frame, as_json: bool):
    """Print means and what is missing; give the rows to write."""
    rows = mean_rows(frame)
    if as_json:
        show_json({"metrics": rows, **{key: frame.attrs[key] for key in _FACTS if key in frame.attrs}})
    else:
        cells = [[row["metric"], *map(_number, (row["mean"], row["sd"])), *list(row.values())[3:]] for row in rows]
        cells = [["-" if cell is None else cell for cell in row] for row in cells]
        show_table(["metric", "mean", "sd over pictures", "pictures", "better", "unit"], cells)
    _tell_attributes(frame)
    unknown = {key: float("nan") for key in frame.attrs["missing"] if key not in frame.columns}
    return frame.assign(**unknown, **frame.attrs["set"])  # of all pictures together: the same value in every row


def _show_protocols(frame, as_json: bool):
    """Print a row per measure and why cells are empty; give the rows to write."""
    from colorbench.metrics.protocol_score import spread
    from colorbench.metrics.protocols import MEASURES, PROTOCOLS

    moved = spread(frame)
    moves, values = moved.to_dict(), frame.to_dict("index")
    if as_json:
        facts = {"pictures": frame.attrs["pictures"], "measures": []}
        for key, found in values.items():
            unit, higher = MEASURES[key]
            found = {name: value for name, value in found.items() if key in PROTOCOLS[name].measures}
            row = {"measure": key, "unit": unit or None, "better": _BETTER[higher], "values": found}
            facts["measures"].append(row | {"moves": moves[key]})
        show_json(facts | {key: frame.attrs[key] for key in ("missing", "notes", "unreadable", "unmatched")})
    else:
        heads = ["measure", *frame.columns, "moves by"]
        cells = [[key, *map(_number, values[key].values()), _number(moves[key])] for key in values]
        show_table(heads, cells if results.is_terminal else [heads, *cells])  # the columns differ from call to call
    _tell_protocols(frame)
    return frame.assign(moves=moved)


@contextmanager
def _starts_over() -> Iterator[None]:
    """For a scoring that keeps no parts: after Ctrl-C the message says that the same command starts over."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped("the same command starts over") from None


def _tell_protocols(frame) -> None:
    """Why cells are empty, each reason once, and what was left out."""
    where: dict[tuple[str, str], list[str]] = {}
    for protocol, reasons in frame.attrs["missing"].items():
        for measure, reason in reasons.items():
            where.setdefault((measure, reason), []).append(protocol)
    for (measure, reason), names in where.items():
        warn(f"{measure} is empty for {', '.join(names)}: {reason}")
    for measure, caution in frame.attrs["notes"].items():
        warn(f"{measure}: {caution}")
    tell_files(frame.attrs)


_FACTS = ("missing", "notes", "samples", "identical", "unreadable", "unmatched", "versions")
_BETTER = {True: "higher", False: "lower", None: None}


def _check_paths(predictions: Path, references: Path, out: Path | None) -> None:
    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise WrongUsage(f"--out {out} ends in {out.suffix!r}; write .csv or .parquet")
    for folder in (predictions, references):
        check_folder(folder)


def check_folder(folder: Path) -> None:
    """Raises ValueError unless this is a folder."""
    if not folder.is_dir():
        what, hint = ("is a file, not a folder", "") if folder.exists() else ("does not exist", mistyped(folder))
        raise ValueError(f"{folder} {what}; give the folder that holds the pictures{hint}")


def _parts_folder(*request) -> Path:
    """The folder in the cache, named by the request, where finished parts of a scoring are kept until all is done."""

    named = repr([str(part.resolve()) if isinstance(part, Path) else part for part in request])
    return cache_folder() / "scores" / bytes_sha256(named.encode())[:32]


def mean_rows(frame) -> list[dict]:
    """Mean, spread over pictures, count, direction and unit of every metric."""
    from colorbench.metrics import METRICS
    from colorbench.metrics.samples import metric_of
    from colorbench.metrics.score import mean_scores

    rows, means = [], mean_scores(frame)
    for key in frame.columns:
        finite = frame[key].replace([float("inf")], float("nan")).dropna()
        rows.append({"metric": key, "mean": means[key], "sd": float(finite.std()), "pictures": len(finite)})
    for key, value in frame.attrs["set"].items():
        rows.append({"metric": key, "mean": value, "sd": None, "pictures": len(frame)})
    for row in rows:
        known = METRICS[metric_of(row["metric"])]
        better = None if row["metric"].startswith("diversity-") else _BETTER[known.higher_is_better]
        row |= {"better": better, "unit": known.unit or None}
    return rows


def _number(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.4f}"


def _tell_attributes(frame) -> None:
    attributes = frame.attrs
    for key, reason in attributes["missing"].items():
        warn(f"{key} is empty: {reason}")
    for key, caution in attributes["notes"].items():
        warn(f"{key}: {caution}")
    if count := attributes.get("identical"):
        what = (
            "1 picture equals its photo; its psnr is"
            if count == 1
            else f"{count} pictures equal their photos; their psnr is"
        )
        note(f"{what} infinite and left out of the mean")
    tell_files(attributes)


def tell_files(attributes: dict) -> None:
    """Files that gave no picture, and names that only one folder holds."""
    name_files(attributes["unreadable"].items(), "left out")
    if unmatched := attributes["unmatched"]:
        warn(f"names that only one of the folders has: {len(unmatched)}, such as {', '.join(unmatched[:3])}")


def name_files(problems, word: str) -> None:
    """Name the first few files with their reasons, count the others by reason."""
    problems = list(problems)
    for name, reason in problems[:MOST_NAMED]:
        warn(f"{name} is {word}: {reason}")
    for reason, count in Counter(reason for _, reason in problems[MOST_NAMED:]).items():
        warn(f"{count} more are {word}: {reason}")


def _file_of(frame, ending: str) -> bytes:
    """A table as CSV or parquet, its index the first column."""
    import io

    from colorbench.leaderboard.table import csv

    frame.attrs = {}
    if ending == ".csv":
        return csv(frame, index=True).encode()
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
    sizes: list[str] | None = None,
) -> int:
    """Test a finished board's generators on other photos; 1 when some of them could not be tested."""
    load_plugins(plugins)
    with loading():
        from colorbench.grid.retest import plan_retest, retest
    options = {"dataset": dataset, "metrics": metrics, "train_source": train_source, "sizes": _pixels(sizes)}
    with progress() as bars:
        plan = plan_retest(folder, source, name, on_photos=add_bar(bars, "looking at the photos"), **options)
    for fact in plan.told:
        note(f"{fact}.")
    with progress() as bars:
        task = bars.add_task("testing", total=len(plan.todo) or 1)
        report = retest(
            plan,
            device=device,
            plugins=plugins,
            on_cell=lambda name, started, _: bars.update(task, description=name, completed=started),
            build=False,
        )
    if report.records or report.done:
        from colorbench.leaderboard import build

        with building() as say:
            report = replace(report, board=build(report.folder, progress=say))
    show(f"{len(report.records)} records tested on {len(plan.photos)} photos, {report.done} were done before.")
    for reason in report.left_out:
        warn(f"left out: {reason}")
    if report.board:
        show_summary(report.board)
        note(f"`colorbench leaderboard build {folder}` links the two boards.")
    return 1 if report.left_out else 0


def _pixels(sizes: list[str] | None) -> list[int]:
    """`--sizes 64,128` as numbers, ascending and each once."""
    if wrong := [size for size in sizes or [] if not size.isdecimal()]:
        raise WrongUsage(f"--sizes {wrong[0]!r} is not a number of pixels; write --sizes 64,128,256")
    return sorted({int(size) for size in sizes or []})


def colorize_and_print(
    checkpoint: Path, photos: list[Path], *, out: Path, size_px: int | None, device: str | None, overwrite: bool = False
) -> int:
    """Colorize photos and say where they are; return the exit status, 1 when one gave no picture."""
    with loading():
        from colorbench.grid.executors import find_devices
        from colorbench.training.colorize import colorize

        place = find_devices(device)[0]

    def tell(path: Path, target: Path | None, problem: str) -> None:
        if target is None:
            fail(f"{printable(path)}: {problem}")
        else:
            show(f"{printable(path)} -> {printable(target)}")

    report = colorize(checkpoint, photos, out, device=place, size_px=size_px, overwrite=overwrite, on_photo=tell)
    name_files(((printable(path), reason) for path, reason in report.passed_over.items()), "passed over")
    if report.kept:
        note(f"pictures kept that were in {out} already: {len(report.kept)}; --overwrite makes them again.")
    if report.refused:
        fail(f"pictures that could not be colorized: {len(report.refused)}.")
    return 1 if report.refused else 0
