"""pictures.html: one photo under two entries side by side, with a slider and error maps. Everything is in the page."""

from pathlib import Path

from colorbench import __version__
from colorbench.files import write_atomically
from colorbench.leaderboard.entries import Entry, short_names
from colorbench.leaderboard.plots.pictures import gray_of, prediction, reduced, run_prediction, truth
from colorbench.leaderboard.site.page import asset, json_text, picture_uri, render
from colorbench.leaderboard.table import significant
from colorbench.leaderboard.tiers import Results

MOST_ENTRIES = 40
MOST_SIDE = 256


def write_pictures(results: Results, out: Path, photos: list[str]) -> str | None:
    """The page's address relative to `out`; None where no photo may be shown or no entry kept its pictures.

    Args:
        photos: ids of the test photos that may be shown; the page calls them photo 1, photo 2 ...
    """
    board = results.board
    entries = [board.entries[k] for _, _, rows in results.groups() for k in rows][:MOST_ENTRIES]
    names, shown = short_names(board.entries), []
    for name in photos:
        true = truth(board, name)
        made = {entry.label: prediction(entry, name) for entry in entries}
        pictures = {
            label: picture_uri(reduced(picture, MOST_SIDE)) for label, picture in made.items() if picture is not None
        }
        scores = {entry.label: _score(results, entry, name) for entry in entries if entry.label in pictures}
        if pictures:
            fixed = {
                "gray": picture_uri(reduced(gray_of(true), MOST_SIDE)),
                "truth": picture_uri(reduced(true, MOST_SIDE)),
            }
            shown.append({"id": name, "fixed": fixed, "pictures": pictures, "scores": scores})
    if not shown:
        return None
    kept = [entry.label for entry in entries if any(entry.label in photo["pictures"] for photo in shown)]
    data = {"photos": shown, "entries": [{"label": label, "name": names[label]} for label in kept]}
    page = render(
        "pictures.html", scripts=[asset("slider.js"), asset("pictures.js")], styles=[asset("style.css")], board=board,
        data=json_text(data), count=len(shown), version=__version__,
    )  # fmt: skip
    write_atomically(out / "pictures.html", page.encode(), durable=False)
    return "pictures.html"


def _score(results: Results, entry: Entry, name: str) -> str:
    """The primary metric of the picture that is shown, which is of the first seed that has one."""
    run = next((run for run in entry.runs if run_prediction(run, name) is not None), None)
    score = run.photo_score(results.board.primary, name) if run else None
    return "" if score is None else significant(score, float("nan"))
