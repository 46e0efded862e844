"""Pictures of any colorizer against the photos of a board, a few at a time, so that a long folder can be gone on with.

Each part is kept in a file named by the hash of its pictures and metrics: the same call after a stop reads what is done.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from colorbench.photo import decode_photo
from colorbench.record import write_atomically

PART = 16
Progress = Callable[[int, int], None]


def score_in_parts(
    predictions: Path,
    references: Path,
    metrics: Sequence[str],
    parts: Path,
    *,
    resize: bool = False,
    keep_lightness: bool = False,
    on_progress: Progress | None = None,
):
    """`(frame, missing)`: per-image scores, index `image`, and why a metric is empty.

    Files are matched by stem; every reference needs a prediction. A prediction of another size than its photo is an
    error unless `resize`. `keep_lightness` puts the photo's lightness back before scoring, as the harness does.

    Raises:
        ValueError: a missing, unreadable, or wrongly sized prediction.
    """
    import pandas as pd

    names = matched_names(predictions, references)
    frames, missing = [], {}
    for start in range(0, len(names), PART):
        chunk = names[start : start + PART]
        files = [(picture_path(predictions, name), references / f"{name}.png") for name in chunk]
        part = parts / f"{_part_key(files, metrics, resize, keep_lightness)}.json"
        if not part.is_file():
            _score_part(part, chunk, files, metrics, resize, keep_lightness)
        facts = json.loads(part.read_text())
        frames.append(pd.DataFrame(facts["rows"], index=pd.Index(chunk, name="image"), dtype=float))
        missing |= facts["missing"]
        if on_progress:
            on_progress(start + len(chunk), len(names))
    return pd.concat(frames), missing


def matched_names(predictions: Path, references: Path) -> list[str]:
    """Stems of all references, each with its prediction."""
    from colorbench.metrics.pictures import SUFFIXES

    wanted = sorted(path.stem for path in references.glob("*.png"))
    if not wanted:
        raise ValueError(f"no reference photos in {references.name}; a board keeps them in its run folder")
    if not predictions.is_dir():
        raise ValueError(f"{predictions} is not a folder: pass the folder that holds the colorizer's pictures")
    held = {path.stem for path in predictions.iterdir() if path.suffix.lower() in SUFFIXES}
    if gone := [name for name in wanted if name not in held]:
        raise ValueError(
            f"{len(gone)} of {len(wanted)} photos have no prediction, such as {', '.join(gone[:3])}; "
            "pictures are matched by file stem, and a board needs all of them"
        )
    return wanted


def picture_path(folder: Path, stem: str) -> Path:
    """The picture of that stem, whatever its ending."""
    from colorbench.metrics.pictures import SUFFIXES

    found = [path for suffix in SUFFIXES if (path := folder / f"{stem}{suffix}").is_file()]
    found = found or [p for p in folder.glob(f"{stem}.*") if p.suffix.lower() in SUFFIXES]
    if len(found) != 1:
        raise ValueError(f"{len(found)} pictures are called {stem}; keep one")
    return found[0]


def _part_key(files, metrics, resize: bool, keep_lightness: bool) -> str:
    from colorbench.metrics import METRICS

    digest = hashlib.sha256(repr((resize, keep_lightness, [(m, METRICS[m].version) for m in metrics])).encode())
    for pair in files:
        for path in pair:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def _score_part(part: Path, chunk, files, metrics, resize: bool, keep_lightness: bool) -> None:
    from colorbench.metrics import score

    pairs = [read_pair(*pair, resize=resize, keep_lightness=keep_lightness) for pair in files]
    frame = score([pred for pred, _ in pairs], [true for _, true in pairs], list(metrics))
    facts = {"rows": {key: frame[key].tolist() for key in frame.columns}, "missing": frame.attrs["missing"]}
    write_atomically(part, json.dumps(facts).encode())


def read_pair(prediction: Path, reference: Path, *, resize: bool, keep_lightness: bool):
    """Prediction and photo as uint8 `(h, w, 3)`, of one size."""
    try:
        pred, true = decode_photo(prediction), decode_photo(reference)
    except ValueError as error:
        raise ValueError(f"{prediction.name}: {error}") from None
    if pred.shape != true.shape:
        if not resize:
            raise ValueError(
                f"{prediction.name} is {pred.shape[0]} x {pred.shape[1]}, its photo {true.shape[0]} x {true.shape[1]}: "
                "save it at the photo's size, or ask for resizing"
            )
        pred = _resized(pred, true.shape)
    return (_with_lightness(pred, true) if keep_lightness else pred), true


def _resized(picture: np.ndarray, shape) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((shape[1], shape[0]), Image.Resampling.BILINEAR))


def _with_lightness(pred: np.ndarray, true: np.ndarray) -> np.ndarray:
    import torch

    from colorbench.batch import Batch, Output

    one, other = (Batch.from_rgb(torch.from_numpy(p.transpose(2, 0, 1).copy())[None]) for p in (pred, true))
    rgb = Output.from_ab(one.ab, other.lightness).rgb[0].clamp(0, 1)
    return (rgb * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def forget_parts(parts: Path) -> None:
    """The parts of a finished scoring."""
    shutil.rmtree(parts, ignore_errors=True)
