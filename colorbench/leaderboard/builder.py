"""From a run folder to its board: tables, plots and pages, from the records alone."""

from collections.abc import Callable
from pathlib import Path

from colorbench.leaderboard.entries import read_board


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
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Write the board of one suite's run folder and return its folder (default: `run_dir/board`).

    Leaves table.csv, .parquet, .md, .tex, plots/*.png and *.svg, index.html and runs/*.html. Everything is a view: built
    again from the same records it comes out the same.

    Args:
        plots: False leaves out the plots (a quick table).
        strips: how many photos are shown; which ones, no score decides.
        photos: ids of the photos to show instead; an empty list shows none (photos that may not be published).
        pictures: False shows no photo and no prediction anywhere, as does `pictures = false` in the suite.
        badges: how far each record was checked, from `check`: sha256 of the record -> badge names.
        resample_sets: give FID and KID intervals over photos too, by joint resampling: passes every stored prediction
            through Inception, so it takes a while and needs its weights. Without it they run over seeds alone.
        progress: called with what is being made, for a progress bar.

    Raises:
        FileNotFoundError: no folder, or no readable record in it.
        MixedBoard: the records do not belong in one table.
    """
    from colorbench.leaderboard.plots.strips import strip_photos
    from colorbench.leaderboard.retests import links
    from colorbench.leaderboard.table import standings, write_tables

    say = progress or (lambda _: None)
    say("records")
    board = read_board(Path(run_dir))
    out = Path(out) if out is not None else board.folder / "board"
    shown = strip_photos(board, photos, strips if pictures and board.pictures else 0)
    if shown and not (pictures and board.pictures):
        raise ValueError(
            f"{board.name} shows no pictures, and {', '.join(shown)} was asked for: leave out one of the two"
        )
    say("statistics")
    results = standings(board, _resampled(board) if resample_sets else None)
    beside = links(board, out)
    write_tables(results, out, beside)
    drawn = {}
    if plots:
        from colorbench.leaderboard.plots import draw

        say("plots")
        drawn = draw(results, out / "plots", shown)
    if pages:
        say("pages")
        _write_pages(results, out, drawn, shown, badges or {}, beside)
    return out


def _write_pages(
    results, out: Path, drawn: dict[str, Path], shown: list[str], badges: dict[str, list[str]], beside: list
):
    from colorbench.leaderboard.site import write_index, write_run_pages

    addresses = write_run_pages(results.board, out, shown, badges)
    write_index(results, out, drawn, addresses, badges, beside)


def _resampled(board) -> dict:
    from colorbench.leaderboard.sets import board_features, joint_resampling

    wanted = [key for key in ("fid", "kid") if key in board.metrics and key not in board.missing()]
    if not wanted:
        return {}
    features, truth = board_features(board)
    return {key: joint_resampling(features, truth, key) for key in wanted}
