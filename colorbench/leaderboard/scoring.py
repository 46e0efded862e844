"""Pictures of any colorizer against the photos of a board, a few at a time, so that a stopped call can be continued.

Each part is kept in a file named by the hash of its pictures and metrics: the same call after a stop reads what is done.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from colorbench.files import bytes_sha256, file_sha256, printable, write_atomically
from colorbench.metrics.pictures import Pictures, folder_pictures, matched_name, picture_files
from colorbench.metrics.references import References
from colorbench.metrics.row import MetricRow
from colorbench.metrics.score import metric_rows, score
from colorbench.photo import MOST_FILE_BYTES, decode_photo

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
    files = matched_files(predictions, references)
    whole = References(references, keep_bytes=0)

    def compute(chunk):
        pairs = [read_pair(*files[name], resize=resize, keep_lightness=keep_lightness) for name in chunk]
        return score([pred for pred, _ in pairs], _part_of(whole, [true for _, true in pairs]), list(metrics))

    rules = (resize, keep_lightness, _versions(metrics), _digest(path for _, path in files.values()))
    frame, facts = _in_parts(files, compute, rules, parts, on_progress)
    return frame, facts["missing"]


def score_folders_in_parts(
    predictions: Path,
    references: Path,
    metrics: Sequence[str | MetricRow] | None,
    parts: Path,
    *,
    resize: bool = False,
    device: torch.device | str | None = None,
    on_progress: Progress | None = None,
):
    """`colorbench.metrics.score_folders`, so that a stopped call goes on: what is scored stays in `parts`.

    Set metrics are computed at the end, in one go.

    Raises:
        ValueError: no prediction has the name of a reference; a prediction of another size, unless `resize`.
    """
    preds, whole = folder_pictures(predictions), References(references, device=device, keep_bytes=0)
    trues, rows = whole.pictures, metric_rows(metrics)
    names = [name for name in trues.names if name in set(preds.names)]
    if not names:
        return score(preds, whole, rows, resize=resize)  # which says what is wrong
    index = ({name: k for k, name in enumerate(some.names)} for some in (preds, trues))
    of_pred, of_true = index

    def compute(chunk):
        true = _part_of(whole, Pictures(chunk, lambda k: trues.read(of_true[chunk[k]])))
        pred = Pictures(chunk, lambda k: preds.read(of_pred[chunk[k]]))
        return score(pred, true, [row for row in rows if row.per_image], resize=resize)

    paths = [picture_files(folder) for folder in (predictions, references)]
    files = {name: (paths[0][name], paths[1][name]) for name in names}
    rules = ("folders", resize, str(device), _versions(rows), _digest(path for _, path in files.values()))
    frame, facts = _in_parts(files, compute, rules, parts, on_progress)
    sets = [row for row in rows if not row.per_image]
    rest = score(preds, whole, sets, resize=resize).attrs if sets else {"missing": {}, "set": {}, "notes": {}}
    frame.attrs = {
        "missing": facts["missing"] | rest["missing"],
        "set": rest["set"],
        "notes": rest["notes"],
        "versions": {row.key: row.version for row in rows},
        "unreadable": facts["unreadable"],
        "unmatched": sorted(set(preds.names) ^ set(trues.names)),
        "identical": int(np.isinf(frame["psnr"].to_numpy(float)).sum()) if "psnr" in frame else 0,
    }
    return frame


def _part_of(whole: References, pictures) -> References:
    """Some of the photos; what a metric needs from all of them (the prior of their colors) is computed over all of them."""
    return References(pictures, batch=whole.batch, device=whole.device, part_of=whole)


def _in_parts(files: dict[str, tuple[Path, Path]], compute, rules, parts: Path, on_progress: Progress | None):
    """`(frame, facts)` of all pictures: parts that are there are read, the others computed and kept."""
    import pandas as pd

    names, frames, facts = list(files), [], {"missing": {}, "unreadable": {}}
    for start in range(0, len(names), PART):
        chunk = names[start : start + PART]
        part = parts / f"{_part_key({name: files[name] for name in chunk}, rules)}.json"
        held = _kept(part)
        if held is None:
            _keep(part, compute(chunk), chunk)
            held = json.loads(part.read_text())
        frames.append(pd.DataFrame(held["rows"], index=pd.Index(held["names"], name="image"), dtype=float))
        facts = {key: facts[key] | held[key] for key in facts}
        if on_progress:
            on_progress(min(start + PART, len(names)), len(names))
    return pd.concat(frames), facts


def _kept(part: Path) -> dict | None:
    """A part that was written before; None when it is absent or damaged."""
    try:
        held = json.loads(part.read_bytes())
        checksum = held.pop("sha256")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return held if checksum == _checksum(held) else None


def _checksum(facts: dict) -> str:
    return bytes_sha256(json.dumps(facts, sort_keys=True).encode())


def _keep(part: Path, frame, chunk: list[str]) -> None:
    """A list of arrays has no names of its own: its rows are the chunk, in order."""
    names = chunk if len(frame) == len(chunk) else [str(name) for name in frame.index]
    rows = {key: frame[key].tolist() for key in frame.columns}
    facts = {"names": names, "rows": rows, "missing": frame.attrs["missing"], "unreadable": frame.attrs["unreadable"]}
    write_atomically(part, json.dumps(facts | {"sha256": _checksum(facts)}).encode())


def _versions(metrics: Sequence[str | MetricRow]) -> list[tuple[str, str]]:
    return [(row.key, row.version) for row in metric_rows(list(metrics))]


def _digest(paths: Iterable[Path]) -> str:
    return bytes_sha256("".join(map(_content, paths)).encode())


def _content(path: Path) -> str:
    """The hash of a file, or why it cannot be read."""
    try:
        return file_sha256(path) if path.is_file() and path.stat().st_size <= MOST_FILE_BYTES else "no picture"
    except OSError as error:
        return str(error.strerror)


def _part_key(files: dict[str, tuple[Path, Path]], rules) -> str:
    content = [(name, _digest([pred, true])) for name, (pred, true) in files.items()]
    return bytes_sha256(repr((rules, content)).encode())[:32]


def matched_files(predictions: Path, references: Path) -> dict[str, tuple[Path, Path]]:
    """Name -> the files of prediction and photo, for every reference."""
    photos = {path.stem: path for path in sorted(references.glob("*.png"))}
    if not photos:
        raise ValueError(f"no reference photos in {references.name}; a board keeps them in its run folder")
    made = picture_files(predictions)
    if gone := [name for name in photos if matched_name(name) not in made]:
        raise ValueError(
            f"{len(gone)} of {len(photos)} photos have no prediction, such as {', '.join(gone[:3])}; "
            "pictures are matched by file stem, and a board needs all of them"
        )
    return {name: (made[matched_name(name)], photo) for name, photo in photos.items()}


def read_pair(prediction: Path, reference: Path, *, resize: bool, keep_lightness: bool):
    """Prediction and photo as uint8 `(h, w, 3)`, of one size."""
    try:
        pred, true = decode_photo(prediction), decode_photo(reference)
    except ValueError as error:
        raise ValueError(f"{printable(prediction.name)}: {error}") from None
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
    from colorbench.batch import Batch, Output

    one, other = (Batch.from_rgb(torch.from_numpy(p.transpose(2, 0, 1).copy())[None]) for p in (pred, true))
    rgb = Output.from_ab(one.ab, other.lightness).rgb[0].clamp(0, 1)
    return (rgb * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def forget_parts(parts: Path) -> None:
    """Delete the parts of a finished scoring."""
    shutil.rmtree(parts, ignore_errors=True)
