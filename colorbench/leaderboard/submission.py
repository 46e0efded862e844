"""Enter an outside colorizer on a board: its pictures are scored like all others, and its record says where it came from.

Such a row is marked as not trained under the budget and is not ranked; every metric, interval and plot shows it.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from colorbench.cell import Cell, Recipe
from colorbench.files import CONTROL_CHARACTERS, PREDICTIONS, RECORD, REFERENCES, SCORES, bytes_sha256, write_atomically
from colorbench.leaderboard.entries import SUBMISSIONS, Board, read_board
from colorbench.leaderboard.scoring import forget_parts, matched_files, read_pair, score_in_parts
from colorbench.leaderboard.untrusted import folder_sha256
from colorbench.record import Cost, DataFacts, Environment, GeneratorFacts, Record, Score, Spent, write_record


def submit(
    predictions: Path,
    run_dir: Path,
    *,
    name: str,
    licence: str,
    citation: str = "",
    source: str = "",
    pretrained: str | None = None,
    parameters: int = 0,
    keep_lightness: bool = True,
    resize: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Score a folder of pictures against a board's test photos and enter them. Returns the new record's path.

    Args:
        predictions: one picture per test photo, named like the photo in `run_dir/references`.
        run_dir: a suite's run folder, with at least one record and its reference photos.
        name: what the board calls it: letters, digits, `.`, `+`, `-`.
        licence: of the colorizer (weights and code), as an SPDX name or in words.
        citation, source, pretrained, parameters: as far as they are known.
        keep_lightness: put the photo's lightness back, as for every head of the harness; False scores the pictures as they are.
        resize: bring pictures of another size to the photo's.
        on_progress: called with photos done and photos in all. A stopped call continues where it was.

    Raises:
        ValueError: a missing, unreadable or wrongly sized picture; an empty name or license.
        FileExistsError: the board has an entry or a recipe of that name.
    """
    board = read_board(Path(run_dir))
    if not licence.strip():
        raise ValueError("the license is empty; give one, for instance Apache-2.0, or 'unknown'")
    recipe = Recipe(generator=name, loss="none", name=name.lower(), keep_lightness=keep_lightness)
    folder = board.folder / SUBMISSIONS / recipe.label / "seed-0"
    if recipe.label in board.labels or (folder / RECORD).exists():
        raise FileExistsError(f"{board.name} has an entry or recipe called {recipe.label}; choose another name")
    if CONTROL_CHARACTERS.search("".join((licence, citation, source))):
        raise ValueError(
            "the license, citation or source holds control characters or bytes that are not UTF-8: leave them out"
        )
    facts = GeneratorFacts(
        version="1", parameters=parameters, trainable_parameters=0, source=source, licence=licence, citation=citation,
        pretrained=pretrained,
    )  # fmt: skip
    references, parts = board.folder / REFERENCES, folder / ".parts"
    frame, missing = score_in_parts(
        Path(predictions), references, per_image_metrics(board), parts,
        resize=resize, keep_lightness=keep_lightness, on_progress=on_progress,
    )  # fmt: skip
    _keep_pictures(Path(predictions), references, folder / PREDICTIONS, resize, keep_lightness)
    color_only = color_only_photos(board, list(frame.index))
    files = {
        SCORES: _keep_scores(frame, color_only, folder),
        PREDICTIONS: folder_sha256(folder / PREDICTIONS),
    }
    scores = _scores(board, frame, color_only, missing, folder / PREDICTIONS)
    write_record(_record(board, recipe, facts, scores, files), folder / RECORD)
    forget_parts(parts)
    return folder / RECORD


def per_image_metrics(board: Board) -> list[str]:
    """The board's metrics that have one value per photo and that this package knows."""
    from colorbench.metrics import METRICS

    return [key for key in board.metrics if key in METRICS and METRICS[key].per_image]


def color_only_photos(board: Board, photos: list[str]) -> np.ndarray:
    """Which photos count as color-only: as the board's own tables say, all where they do not say."""
    tables = (run.scores for run in board.runs if run.scores is not None)
    flags = next((t["color_only"] for t in tables if "color_only" in t.columns and set(photos) <= set(t.index)), None)
    return np.ones(len(photos), bool) if flags is None else flags.reindex(photos).to_numpy(bool)


def _keep_pictures(predictions: Path, references: Path, folder: Path, resize: bool, keep_lightness: bool) -> None:
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for name, pair in matched_files(predictions, references).items():
        picture, _ = read_pair(*pair, resize=resize, keep_lightness=keep_lightness)
        Image.fromarray(picture).save(folder / f"{name}.png")


def _keep_scores(frame, color_only: np.ndarray, folder: Path) -> str:
    kept = frame.astype("float64").reset_index(names="photo")
    kept.insert(1, "color_only", color_only)
    kept.attrs = {}
    file = io.BytesIO()
    kept.to_parquet(file, index=False)
    write_atomically(folder / SCORES, file.getvalue())
    return bytes_sha256(file.getvalue())


def _scores(board: Board, frame, color_only: np.ndarray, missing: dict[str, str], pictures: Path) -> dict:
    from colorbench.metrics import METRICS

    scores = {}
    for key in board.metrics:
        if key in frame.columns:
            scores[key] = Score.over(frame[key].to_numpy(float), color_only, METRICS[key], missing.get(key))
        elif key in METRICS:
            scores[key] = _set_score(key, pictures, board.folder / REFERENCES, len(frame))
    return scores


def _set_score(key: str, pictures: Path, references: Path, count: int):
    from colorbench.features import WeightsMissing
    from colorbench.metrics import METRICS, set_score

    row = METRICS[key]
    facts = {"unit": row.unit, "higher_is_better": row.higher_is_better, "version": row.version}
    try:
        return Score(value=set_score(pictures, references, key), n=count, **facts)
    except WeightsMissing as error:
        return Score(value=None, n=0, reason=str(error), **facts)


def _record(board: Board, recipe: Recipe, generator: GeneratorFacts, scores: dict, files: dict) -> Record:
    import platform

    import torch

    from colorbench import __version__

    other = board.runs[0].record
    cell = Cell(suite=board.name, protocol=other.cell.protocol, recipe=recipe, seed=0, data_hash=other.cell.data_hash)
    data: DataFacts = other.data
    return Record(
        key=cell.key, cell=cell, origin="submission", status="done", generator=generator, data=data, scores=scores,
        files=files, message="Submitted pictures; not trained under this board's budget.",
        spent=Spent(kind=cell.protocol.budget.kind, steps=0, images=0), cost=Cost(train_seconds=0),
        environment=Environment(colorbench=__version__, python=platform.python_version(), torch=torch.__version__),
    )  # fmt: skip
