"""From a run folder to its board: tables, plots and pages, from the records alone."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from colorbench.leaderboard.entries import Board, read_board, record_files
from colorbench.leaderboard.table import Link
from colorbench.leaderboard.tiers import Results
from colorbench.record import Record, read_record

Progress = Callable[[str], None]


def build(
    run_dir: Path,
    out: Path | None = None,
    *,
    plots: bool = True,
    pages: bool = True,
    strips: int = 4,
    photos: list[str] | None = None,
    pictures: bool = True,
    badges: dict[str, list[str]] | None = None,
    resample_sets: bool = False,
    all_metrics: bool = False,
    beside: Sequence[Link] | None = None,
    records: str | None = None,
    home: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the board of one suite's run folder and return its folder (default: `run_dir/board`).

    Writes table.csv, .parquet, .md, .tex, plots/*.png and *.svg, index.html and runs/*.html. The same records give the same
    files.

    Args:
        plots: False leaves out the plots (a quick table).
        pages: False writes what is kept in a repository beside the records: the tables, and two plots as PNG.
        strips: how many photos are shown; scores do not decide which.
        photos: ids of the photos to show instead; an empty list shows none (photos that may not be published).
        pictures: False shows no photo and no prediction anywhere, as does `pictures = false` in the suite.
        badges: how far each record was checked, from `check`: sha256 of the record -> badge names.
        resample_sets: give FID and KID intervals over photos too, by joint resampling: passes every stored prediction
            through Inception, so it takes a while and needs its weights. Without it the intervals are over seeds alone.
        all_metrics: on generated scenes, say what every metric rewards, also those that need weights; measured once
            and kept beside the records.
        beside: links to boards of the same generators; by default to those that lie beside the run folder.
        records: address of the run folders relative to the board, for links; by default where they are, when the board is
            written into the run folder, else none.
        home: address of the page over all boards, relative to this one; by default none.
        progress: called with what is being made, for a progress bar.

    Raises:
        FileNotFoundError: no folder, or no readable record in it.
        MixedBoard: the records do not belong in one table.
        ValueError: a damaged file, by name; pictures are asked for on a board that may show none; every metric is asked for
            on a board of photos.
    """
    from colorbench.leaderboard.ambiguity_report import write_ambiguity
    from colorbench.leaderboard.plots.pictures import strip_photos
    from colorbench.leaderboard.rewards import keep_rewards
    from colorbench.leaderboard.table import write_tables
    from colorbench.leaderboard.tiers import rank_board

    say = progress or (lambda _: None)
    say("records")
    board = read_board(Path(run_dir))
    out = Path(out) if out is not None else board.folder / "board"
    may_show = pictures and board.pictures
    shown = strip_photos(board, photos, strips if may_show else 0)
    if shown and not may_show:
        raise ValueError(
            f"{board.name} shows no pictures, but photo {', '.join(shown)} was asked for: leave out --photo or --no-pictures"
        )
    if all_metrics:
        say("every metric")
        keep_rewards(board)
    say("statistics")
    results = rank_board(board, _resampled(board) if resample_sets else None)
    beside = links(board, out) if beside is None else beside
    write_tables(results, out, beside)
    say("colors of objects")  # of generated scenes alone: nothing elsewhere
    write_ambiguity(results, out)
    drawn = {}
    if plots:
        from colorbench.leaderboard.plots import draw

        say("plots")
        drawn = draw(results, out / "plots", shown, pictures=may_show, few=not pages)
    if pages:
        say("pages")
        if records is None and out.resolve().is_relative_to(board.folder.resolve()):
            records = Path(os.path.relpath(board.folder.resolve(), out.resolve())).as_posix()
        _write_pages(results, out, drawn, shown, badges or {}, beside, records, home)
    return out


def _write_pages(
    results: Results,
    out: Path,
    drawn: dict[str, Path],
    shown: list[str],
    badges: dict[str, list[str]],
    beside: Sequence[Link],
    records: str | None,
    home: str | None,
) -> None:
    from colorbench.leaderboard.site import write_index, write_pictures, write_run_pages

    addresses = write_run_pages(results.board, out, shown, badges, records)
    wall = write_pictures(results, out, shown)
    if wall is None:
        (out / "pictures.html").unlink(missing_ok=True)  # of an earlier board that showed some
    write_index(results, out, drawn, addresses, badges, beside, home, wall)


def _resampled(board: Board) -> dict:
    from colorbench.leaderboard.set_scores import board_features, joint_resampling

    wanted = [key for key in ("fid", "kid") if key in board.metrics and key not in board.missing()]
    if not wanted:
        return {}
    features, truth = board_features(board)
    return {key: joint_resampling(features, truth, key) for key in wanted}


def links(board: Board, out: Path) -> list[Link]:
    """Boards of the same generators on other photos: built retests of this one, or what it is a retest of.

    They lie beside each other as `<suite>/board` and `<suite>-<name>/board`; `out` is where this one is written.
    """
    out = Path(out).resolve()
    return [
        Link(text, name, Path(os.path.relpath(place / "board", out)).as_posix())
        for text, name, place in neighbors(board, out.parent)
        if (place / "board" / "table.md").is_file()
    ]


def neighbors(board: Board, home: Path) -> Iterator[tuple[str, str, Path]]:
    """`(text, name, folder)` of the suites beside `home` whose records belong to this board's cells."""
    home = home.resolve()
    keys = {run.record.key for run in board.runs}
    origins = {run.record.cell.retest_of for run in board.runs} - {None}
    for place in sorted(home.parent.glob(f"{home.name}-*")):
        if (record := next(_records(place), None)) and record.cell.retest_of in keys:
            yield "Also tested on", place.name.removeprefix(f"{home.name}-"), place
    for place in sorted(home.parent.iterdir()) if origins else ():
        if home.name.startswith(f"{place.name}-") and any(read.key in origins for read in _records(place)):
            yield "Trained and first tested on", place.name, place


def _records(place: Path) -> Iterator[Record]:
    for path in record_files(place):
        try:
            yield read_record(path)
        except (ValueError, OSError):
            continue
