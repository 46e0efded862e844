"""One page per run: pictures with a before/after slider, scores, curve, settings, environment."""

from pathlib import Path
from urllib.parse import quote

import numpy as np

from colorbench import __version__
from colorbench.files import CURVE, RECORD, SCORES, slug, write_atomically
from colorbench.leaderboard.entries import Board, Entry, Run
from colorbench.leaderboard.plots.curves import loss_lines
from colorbench.leaderboard.plots.pictures import gray_of, reduced, run_prediction, truth
from colorbench.leaderboard.reproduce import code_of, command, papers
from colorbench.leaderboard.site.page import asset, picture_uri, render
from colorbench.leaderboard.table import heading, significant
from colorbench.suites.step_table import find_table, name_of_table


def page_names(board: Board) -> dict[str, str]:
    """Address of every run's page, relative to index.html, by the sha256 of its record. Names never collide."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for entry in board.entries:
        for run in entry.runs:
            name = f"{slug(entry.label)}-seed-{run.record.cell.seed}"
            if name in taken:
                name += f"-{run.sha256[:8]}"
            taken.add(name)
            names[run.sha256] = f"runs/{name}.html"
    return names


def write_run_pages(
    board: Board, out: Path, photos: list[str], badges: dict[str, list[str]], records: str | None = None
) -> dict[str, str]:
    """All pages below `out/runs`, and their addresses by the sha256 of a record.

    Args:
        photos: ids of the test photos that may be shown.
        records: where the run folders are, relative to `out`; None when they are not beside the pages.
    """
    names = page_names(board)
    pairs = {
        name: (picture_uri(reduced(gray_of(t))), picture_uri(reduced(t)))
        for name in photos
        for t in [truth(board, name)]
    }
    for entry in board.entries:
        for run in entry.runs:
            text = run_page(
                board, entry, run, pairs, badges.get(run.sha256, []), _links(board, entry, run, names, records)
            )
            write_atomically(out / names[run.sha256], text.encode(), durable=False)
    return names


def _links(board: Board, entry: Entry, run: Run, names: dict[str, str], records: str | None) -> list[tuple[str, str]]:
    """`(text, address)`: the same recipe from other seeds, and the files that the page was made from."""
    links = [(f"seed {r.record.cell.seed}", names[r.sha256].removeprefix("runs/")) for r in entry.runs if r is not run]
    if records is not None:
        place = f"../{records}/{run.folder.relative_to(board.folder).as_posix()}"
        links += [(name, f"{place}/{name}") for name in (RECORD, SCORES, CURVE) if (run.folder / name).is_file()]
    return [(text, quote(address, safe="/.+-")) for text, address in links]


def run_page(
    board: Board,
    entry: Entry,
    run: Run,
    pairs: dict[str, tuple[str, str]],
    badges: list[str],
    links: list[tuple[str, str]],
) -> str:
    """The text of one page. `pairs`: photo id -> data addresses of gray input and truth."""
    record = run.record
    shown = _photos(board, run, pairs)
    return render(
        "run.html", scripts=[asset("slider.js"), asset("run.js")] if shown else [], styles=[asset("style.css")], board=board,
        name=f"{entry.label} · seed {record.cell.seed}", badges=_badges(entry, run, badges), message=record.message,
        photos=shown, scores=_scores(board, run), curve=_curve(run), sections=_sections(run), version=__version__,
        links=links, command=command(record), papers=papers(record), code=code_of(record),
    )  # fmt: skip


def _badges(entry: Entry, run: Run, badges: list[str]) -> list[tuple[str, str]]:
    status = run.record.status
    marks = [("good" if status == "done" else "warn", status)]
    if entry.kind != "trained":
        marks.append(("warn", "baseline" if entry.kind == "baseline" else "outside the budget"))
    if run.record.spent.provisional:
        marks.append(("warn", "provisional-budget"))
    if table := run.record.spent.table_sha256:
        marks.append(("good" if find_table(table) else "warn", name_of_table(table).removeprefix("the ")))
    return marks + [("good", name) for name in badges]


def _photos(board: Board, run: Run, pairs: dict) -> list[dict]:
    found = []
    for number, (name, (gray, true)) in enumerate(pairs.items(), 1):  # as the page of pictures counts them
        picture = run_prediction(run, name)
        if picture is not None:
            score = run.photo_score(board.primary, name)
            found.append(
                {
                    "name": name,
                    "number": number,
                    "gray": gray,
                    "truth": true,
                    "prediction": picture_uri(reduced(picture)),
                    "score": "" if score is None else f"{heading(board, board.primary)} {_text(score)}",
                }
            )
    return found


def _scores(board: Board, run: Run) -> list[tuple]:
    rows = []
    for metric, score in run.record.scores.items():
        remark = score.reason or (f"{score.infinite} identical pictures counted apart" if score.infinite else "")
        rows.append(
            (
                heading(board, metric),
                _text(score.value),
                score.n,
                _text(score.color_only_value),
                score.color_only_n,
                remark,
            )
        )
    return rows


def _text(value: float | None) -> str:
    return "" if value is None else significant(value, float("nan"))


def _curve(run: Run) -> dict | None:
    """The training loss as an SVG path, thinned to what 800 pixels can show."""
    lines = loss_lines(run)
    if len(lines) < 2:
        return None
    chosen = np.unique(np.linspace(0, len(lines) - 1, 400).round().astype(int))
    x = np.array([lines[k]["step"] for k in chosen], float)
    y = np.array([lines[k]["loss"] for k in chosen], float)
    low, high = float(y.min()), float(y.max())
    px = 70 + 810 * (x - x[0]) / max(x[-1] - x[0], 1e-9)
    py = 256 - 230 * (y - low) / max(high - low, 1e-9)
    path = "M" + "L".join(f"{a:.1f},{b:.1f}" for a, b in zip(px, py))
    ticks = [_tick((70, 880, at, at), (62, at + 4, "end"), text) for at, text in _round_values(low, high, 256, 26)]
    ticks += [_tick((at, at, 26, 256), (at, 274, "middle"), text) for at, text in _round_values(x[0], x[-1], 70, 880)]
    return {"path": path, "ticks": ticks, "first": f"{y[0]:.3g}", "last": f"{y[-1]:.3g}"}


def _round_values(low: float, high: float, first: int, last: int) -> list[tuple[float, str]]:
    """Round values of an axis: where each stands between the positions `first` and `last` of both ends, and its text."""
    from matplotlib.ticker import MaxNLocator

    found = np.array(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    share = (found - low) / ((high - low) or 1.0)
    return [
        (round(first + float(part) * (last - first), 1), f"{value:.6g}")
        for value, part in zip(found, share)
        if -1e-6 <= part <= 1 + 1e-6
    ]


def _tick(line: tuple, place: tuple, text: str) -> dict:
    return dict(zip(("x1", "x2", "y1", "y2", "tx", "ty", "anchor", "text"), (*line, *place, text)))


def _sections(run: Run) -> list[tuple[str, list[tuple[str, str]]]]:
    """Everything the record says, in sections of names and values."""
    record = run.record
    recipe = record.cell.recipe.model_dump(mode="json")
    sections = {
        "Recipe": {k: v for k, v in recipe.items() if k not in ("optimizer", "phases")},
        "Optimizer": recipe["optimizer"] | recipe["phases"] if record.origin == "harness" else {},
        "Generator": record.generator.model_dump(mode="json"),
        "Budget and cost": record.spent.model_dump(mode="json") | record.cost.model_dump(mode="json"),
        "Photos": record.data.model_dump(mode="json"),
        "Environment": record.environment.model_dump(mode="json"),
        "Record": {"key": record.key, "origin": record.origin, "attempts": len(record.attempts) or None}
        | {"supersedes": record.supersedes, "sha256": run.sha256}
        | {f"sha256 of {name}": value for name, value in record.files.items()},
    }
    made = [
        (title, [(name.replace("_", " "), _plain(value)) for name, value in facts.items() if _said(value)])
        for title, facts in sections.items()
    ]
    return [(title, facts) for title, facts in made if facts]


def _said(value) -> bool:
    return value is not None and value != "" and value != [] and value != {}


def _plain(value) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{k}={_plain(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return str(value)
