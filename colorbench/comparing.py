"""`colorbench compare`: a table of differences, a conclusion, the photos that differ most, and what would tell them apart."""

import math
from pathlib import Path

from colorbench.console import (
    add_bar,
    loading,
    note,
    notes,
    progress,
    show,
    show_json,
    show_sentences,
    show_table,
    warn,
)
from colorbench.files import printable, write_atomically
from colorbench.leaderboard.agreement import Agreement, order_agreement
from colorbench.leaderboard.comparison import (
    Difference,
    Side,
    compare_boards,
    compare_entries,
    compare_frames,
    find_side,
    shared_metrics,
)
from colorbench.leaderboard.entries import Board
from colorbench.leaderboard.table import arrow, csv, p_text, significant
from colorbench.leaderboard.tiers import ALPHA
from colorbench.plugins import load_plugins
from colorbench.scoring import check_folder, first_device, score_folder, tell_files


def compare_and_print(
    a: Path,
    b: Path,
    metrics: list[str] | None,
    *,
    truth: Path | None,
    photos: int,
    out: Path | None,
    resize: bool,
    device: str | None,
    plugins: list[Path],
    as_json: bool = False,
) -> None:
    """Compare two entries, two boards or two folders of pictures.

    Raises:
        ValueError: A and B are of different kinds, or pictures come without `truth`.
    """
    load_plugins(plugins)
    one, other = _sides(a, b)
    if isinstance(one, Board) and isinstance(other, Board):
        _show_boards(one, other, shared_metrics(one, other, metrics), metrics is not None, out, as_json)
        return
    if isinstance(one, Side) and isinstance(other, Side):
        wanted = shared_metrics(one.board, other.board, metrics)
        found = [compare_entries(one, other, metric) for metric in wanted]
        primary = one.board.primary
    elif one is None and other is None:
        found = _folders(a, b, truth, metrics, resize=resize, device=device)
        primary = "delta-e-2000"
    else:
        raise ValueError(f"{a} is {_kind(one)} and {b} {_kind(other)}: compare two of the same kind")
    main = next((each for each in found if each.metric == primary), found[0])
    if as_json:
        show_json({"a": main.names[0], "b": main.names[1], "metrics": [facts(each, photos) for each in found]})
    else:
        _show_entries(found, main, photos)
    if out is not None:
        _write(found, main, out)


def _sides(a: Path, b: Path):
    try:
        one = find_side(a)
    except FileNotFoundError:
        if len(a.parts) > 1:
            raise
        one = find_side(a, find_side(b))  # a bare name, of the board that the other is of
    return one, find_side(b, one)


def _kind(side: Side | Board | None) -> str:
    return (
        "an entry" if isinstance(side, Side) else "a board" if isinstance(side, Board) else "a folder without records"
    )


def _folders(a: Path, b: Path, truth: Path | None, metrics, *, resize: bool, device: str | None) -> list[Difference]:
    """Both folders scored against the true photos, picture by picture. After a stop the same call continues."""
    if truth is None:
        raise ValueError(f"{a} and {b} hold no records; to compare pictures, give the true photos with --truth FOLDER")
    for folder in (a, b, truth):
        check_folder(folder)
    with loading():
        from colorbench.leaderboard.scoring import forget_parts

        where = first_device(device)
    with progress() as bars:
        scored = [
            score_folder(
                folder, truth, metrics, add_bar(bars, f"scoring {printable(folder.name)}"), resize=resize, device=where
            )
            for folder in (a, b)
        ]
    frames = [frame for frame, _ in scored]
    for _, parts in scored:
        forget_parts(parts)
    names = (printable(a.name), printable(b.name)) if a.name != b.name else (printable(a), printable(b))
    missing = frames[0].attrs["missing"] | frames[1].attrs["missing"]
    for name, frame in zip(names, frames):
        if frame.attrs["unreadable"] or frame.attrs["unmatched"]:
            note(f"{name}:")
            tell_files(frame.attrs)
    if sorted(frames[0].index) != sorted(frames[1].index):
        why = "one value for all pictures, and the folders do not have the same ones"
        missing |= {metric: why for frame in frames for metric in frame.attrs["set"]}
    for metric, reason in missing.items():
        warn(f"{metric} is left out: {reason}")
    wanted = [*frames[0].columns, *frames[0].attrs["set"]]
    return [compare_frames(frames[0], frames[1], metric, names) for metric in wanted if metric not in missing]


def facts(one: Difference, photos: int, p_holm: float | None = None) -> dict:
    """A difference as JSON."""
    parts = one.parts
    return {
        "metric": one.metric, "unit": one.unit, "higher_is_better": one.higher_is_better,
        "a": one.means[0], "b": one.means[1], "difference": one.difference,
        "low": one.difference - one.half, "high": one.difference + one.half, "p": one.p,
        **({} if p_holm is None else {"p_holm": p_holm}),
        "seeds": list(parts.n_seeds), "photos": parts.n_photos, "paired": bool(one.photos),
        "detectable_difference": parts.detectable(), "seeds_needed": parts.seeds_for(one.difference),
        "photos_needed": parts.photos_for(one.difference), "remark": one.remark,
        "most_different": [{"photo": name, "a": x, "b": y} for name, x, y in one.most_different(photos)],
    }  # fmt: skip


def _show_entries(found: list[Difference], main: Difference, photos: int) -> None:
    a, b = main.names
    rows = [[f"{one.metric} {arrow(one.higher_is_better)}".strip(), *_numbers(one), p_text(one.p)] for one in found]
    show_table(["metric", "A", "B", "A - B", "p"], rows, title=f"A: {a}\nB: {b}")
    for conclusion in conclusions(main):
        show_sentences(conclusion)
    remarks = dict.fromkeys(
        f"{one.metric}: {one.remark}" if one is not main else one.remark for one in found if one.remark
    )
    for remark in list(remarks)[:4]:
        note(f"Remark: {remark}.")
    if shown := main.most_different(photos):
        rows = [[name, *(significant(v, float("nan")) for v in (x, y, x - y))] for name, x, y in shown]
        show_table(["photo", "A", "B", "A - B"], rows, title=f"Photos that differ most by {main.metric}")


def _show_boards(a: Board, b: Board, metrics: list[str], asked: bool, out: Path | None, as_json: bool) -> None:
    """One table per metric that was asked for; of all metrics, the primary one alone."""
    found = {metric: compare_boards(a, b, metric) for metric in (metrics if asked or as_json else metrics[:1])}
    if not next(iter(found.values())):
        raise ValueError(f"{a.folder} and {b.folder} have no entry in common")
    orders = {metric: order_agreement(a, b, metric) for metric in found}
    if as_json:
        rows = [{"entry": label, **facts(one, 0, p)} for pairs in found.values() for label, one, p in pairs]
        order = {metric: agreed and vars(agreed) for metric, agreed in orders.items()}
        show_json({"a": str(a.folder), "b": str(b.folder), "entries": rows, "order": order})
    for metric, pairs in found.items() if not as_json else ():
        rows = [[label, *_numbers(one), p_text(p)] for label, one, p in pairs]
        head = f"{metric} {arrow(a.higher_is_better(metric))}".strip()
        show_table(
            ["entry", "A", "B", "A - B", "p (Holm)"],
            rows,
            title=f"{head}\nA: {printable(a.folder)}\nB: {printable(b.folder)}",
        )
        apart = sum(p < ALPHA for _, _, p in pairs)
        show(f"{apart} of {len(pairs)} entries could be told apart between the two boards by {metric}.")
        if agreed := orders[metric]:
            show_sentences(_order_sentence(agreed, metric))
        for remark in dict.fromkeys(one.remark for _, one, _ in pairs if one.remark):
            note(f"Remark: {remark}.")
    own = sorted({entry.label for entry in a.entries} ^ {entry.label for entry in b.entries})
    if own:
        note(f"On one board only: {', '.join(own)}.")
    if out is not None:
        from colorbench.leaderboard.plots.differences import plot_boards

        note(f"Written to {plot_boards(next(iter(found.values())), out)}")


def _order_sentence(order: Agreement, metric: str) -> str:
    return (
        f"The order of {order.entries} entries by {metric}: rank correlation (Spearman) {order.spearman:.2f}, 95 % interval "
        f"{order.low:.2f} to {order.high:.2f}; {order.same_order} of {order.pairs} pairs have the same one ahead on both "
        "boards."
    )


def _numbers(one: Difference) -> list[str]:
    half = one.half
    gap = significant(one.difference, half)
    gap = gap if gap.strip("-0.") else gap.removeprefix("-")  # no sign of zero
    return [
        *(significant(mean, half) for mean in one.means),
        gap if math.isnan(half) else f"{gap} ± {significant(half, half)}",
    ]


def conclusions(one: Difference) -> list[str]:
    """Who is better and how sure that is; then what would tell the two apart."""
    parts, half = one.parts, one.half
    if math.isnan(one.difference):
        return [f"{one.metric} was not measured on both sides."]
    gap = f"{significant(abs(one.difference), half)} {one.unit}".strip()
    over = " and ".join(filter(None, (_count(parts.n_photos, "photo"), _seed_words(parts.n_seeds, parts.seeds))))
    if math.isnan(one.p):
        return [f"By {one.metric} the two differ by {gap}; these records do not say how certain that is."]
    told = f"95 % interval ± {significant(half, half)}, p {p_text(one.p)}, over {over}"
    if not one.told_apart:
        first = f"The two could not be told apart by {one.metric}: they differ by {gap} ({told})."
    elif one.better:
        first = f"{one.better} is better by {one.metric}: the two differ by {gap} ({told})."
    else:
        first = f"The two differ by {gap} in {one.metric} ({told})."
    return [first, _plan(one, gap)]


def _plan(one: Difference, gap: str) -> str:
    """The smallest detectable difference and what it would take to find the measured one, at 80 % power and 5 %."""
    parts = one.parts
    smallest = parts.detectable()
    said = f"With these, a true difference of {significant(smallest, smallest)} is detected with 80 % power"
    if one.told_apart or not one.difference:
        return said + "."
    seeds, photos = parts.seeds_for(one.difference), parts.photos_for(one.difference)
    ways = [f"{photos} photos"] if photos else []
    ways += [f"{seeds} seeds each"] if seeds else []
    if not ways:
        return f"{said}; detecting {gap} would take both more photos and more seeds."
    alone = "; more photos alone would not be enough" if parts.photos > 0 and not photos else ""
    return f"{said}; detecting {gap} would take {' or '.join(ways)}{alone}."


def _count(number: int, what: str) -> str:
    return "" if not number else f"{number} {what}{'s' if number > 1 else ''}"


def _seed_words(counts: tuple[int, int], variances: tuple[float, float]) -> str:
    trained = [count for count, variance in zip(counts, variances) if variance > 0]
    if not trained:
        return ""
    if len(set(trained)) == 1:
        return _count(trained[0], "seed") + (" each" if len(trained) == 2 else "")
    return f"{trained[0]} and {trained[1]} seeds"


def _write(found: list[Difference], main: Difference, out: Path) -> None:
    """`photos.csv` with every metric's values of every photo, and the plot of the main one."""
    import pandas as pd

    columns = {}
    for one in found:
        for side, values in zip("ab", one.values):
            if one.photos:
                columns[f"{one.metric}_{side}"] = pd.Series(values, index=list(one.photos))
    if not columns:
        note("There are no per-photo values to write or plot.")
        return
    frame = pd.DataFrame(columns)
    frame.index.name = "photo"
    write_atomically(out / "photos.csv", csv(frame, index=True).encode())
    if main.photos:
        from colorbench.leaderboard.plots.differences import plot_differences

        with notes.status("drawing"):
            plot_differences(main, out)
    note(f"Written to {out}: photos.csv" + (", differences.svg, differences.png" if main.photos else ""))
