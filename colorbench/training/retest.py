"""Test finished cells again: on other photos, or by metrics that their record lacks. Nothing is trained.

A retest's record is the trained cell's with other photos and scores; cost, budget and environment are the training's.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from colorbench.batch import Batch
from colorbench.cell import Cell, Protocol
from colorbench.data import PhotoSet, load_protocol_photos
from colorbench.files import CHECKPOINT, PREDICTIONS, RECORD, SCORES, bytes_sha256, file_sha256, write_atomically
from colorbench.generators import BASELINES
from colorbench.photo import decode_photo
from colorbench.record import DataFacts, Record, read_record, write_record
from colorbench.training.checkpoint import load_generator
from colorbench.training.evaluate import (
    Predict,
    baseline_predict,
    model_predict,
    predict_all,
    rate_predictions,
    save_evaluation,
    save_scores,
)
from colorbench.training.train import check_photos


def rescore(
    cell: Cell,
    folder: Path,
    *,
    source: str | Path | None = None,
    metrics: Sequence[str],
    device: torch.device | str | None = None,
) -> Record:
    """Score the stored predictions of a finished cell; the new record `supersedes` the one in `folder`.

    Raises:
        PhotoError: a prediction is gone or damaged.
    """
    photos = load_protocol_photos(cell.protocol, source)
    check_photos(cell, photos)
    old = read_record(folder / RECORD)
    pictures = [np.array(decode_photo(folder / PREDICTIONS / f"{name}.png")) for name in photos.test.ids]
    predictions = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    found = rate_predictions(predictions, photos.test, metrics, batch=cell.protocol.eval_batch, device=device or "cpu")
    files = old.files | {SCORES: save_scores(folder, found, photos.test)}
    record = old.model_copy(update={"scores": found.scores, "files": files, "supersedes": _put_aside(folder)})
    write_record(record, folder / RECORD)
    return record


def load_all_photos(protocol: Protocol, source: str | Path | None, on_progress=None) -> tuple[PhotoSet, str, str]:
    """Every photo of a dataset as one test set, fitted as the protocol says.

    Returns:
        The photos in the order of their ids; the data hash (of contents and preprocessing; it differs from that of
        any split of the same photos); and a line about which files were used.

    Raises:
        ValueError: all photos are gray, so that no colorizer can be told from another.
    """
    unlimited = protocol.model_copy(update={"test_share": 0.5, "limit_train": None, "limit_test": None})
    photos = load_protocol_photos(unlimited, source, on_progress)
    whole = _joined(photos.train, photos.test)
    if whole.gray.all():
        raise ValueError(
            f"all {len(whole)} photos of {source or protocol.dataset} are gray; a test set needs color photos"
        )
    return whole, bytes_sha256(f"all photos to test on {photos.hash}".encode()), photos.report.usage()


def _joined(one: PhotoSet, other: PhotoSet) -> PhotoSet:
    ids, names = [*one.ids, *other.ids], [*one.names, *other.names]
    pixels, flags = np.concatenate([one.pixels, other.pixels]), np.concatenate([one.flags, other.flags])
    order = np.argsort(ids, kind="stable")
    return PhotoSet(pixels[order], [ids[k] for k in order], [names[k] for k in order], flags[order])


def retest_cell(
    record: Record,
    trained: Path,
    cell: Cell,
    folder: Path,
    photos: PhotoSet,
    metrics: Sequence[str],
    *,
    mean_ab: Tensor | None = None,
    device: torch.device | str = "cpu",
    about: str = "",
) -> Record:
    """Test a record's generator or baseline on other photos, and write everything into `folder`, `record.json` last.

    A failed cell is scored as the gray baseline here too. A record of fewer metrics in `folder` is superseded.

    Args:
        record: of the trained cell, or of a baseline.
        trained: the folder with its `checkpoint.safetensors`.
        cell: the retest, `retest_of` the record's cell.
        mean_ab: of the photos that the board trains on, for baselines that ask for it.
        about: a remark for the record.

    Raises:
        ValueError: no checkpoint, one that is not the record's, or a baseline without `mean_ab`.
    """
    began = time.monotonic()
    predict = _predict(record, trained, cell, photos, mean_ab, torch.device(device))
    predictions = predict_all(predict, photos, batch=cell.protocol.eval_batch, device=torch.device(device))
    found = rate_predictions(predictions, photos, metrics, batch=cell.protocol.eval_batch, device=device)
    supersedes = _put_aside(folder)
    kept = {name: digest for name, digest in record.files.items() if name == CHECKPOINT}
    files = save_evaluation(folder, found, photos) | kept
    cost = record.cost.model_copy(update={"evaluation_seconds": time.monotonic() - began})
    facts = {
        "key": cell.key,
        "cell": cell,
        "message": " ".join(part for part in (record.message, about) if part)[:4000],
        "data": _data(record, cell, photos),
        "cost": cost,
        "scores": found.scores,
        "files": files,
        "supersedes": supersedes,
    }
    made = Record(**{**dict(record), **facts})
    write_record(made, folder / RECORD)
    return made


def needs_mean_ab(baseline: str, photos: PhotoSet) -> bool:
    """Whether a baseline looks at the mean color of the training photos: given NaN, it gives NaN."""
    few = PhotoSet(photos.pixels[:1], photos.ids[:1], photos.names[:1], photos.flags[:1])
    unknown = torch.full((2,), float("nan"))
    predict = baseline_predict(baseline, few, 0, unknown, torch.device("cpu"))
    ab = predict(Batch.from_rgb(torch.from_numpy(np.array(few.pixels))), [0]).ab
    return bool(torch.isnan(ab).any())


def _predict(record: Record, trained: Path, retested: Cell, photos: PhotoSet, mean_ab, device: torch.device) -> Predict:
    if record.status != "done" or record.cell.is_baseline:
        name = record.cell.recipe.generator if record.cell.is_baseline else "gray"
        if name not in BASELINES:
            raise ValueError(f"{name} is not a baseline of this package")
        if mean_ab is None and needs_mean_ab(name, photos):
            raise ValueError(f"{name} needs the photos that the board was trained on: give them with --train-data")
        return baseline_predict(name, photos, record.cell.seed, torch.zeros(2) if mean_ab is None else mean_ab, device)
    path = trained / CHECKPOINT
    if not path.is_file():
        raise ValueError(f"no {CHECKPOINT}")
    _check_sha256(path, record)
    model, head, cell = load_generator(path, device)
    if cell.key != record.cell.key:
        raise ValueError(f"{CHECKPOINT} is of another cell ({cell.key[:12]}, the record is of {record.key[:12]})")
    recipe = cell.recipe.model_copy(update={"size_px": retested.recipe.size_px})
    return model_predict(model, head, cell.model_copy(update={"recipe": recipe}))


def _check_sha256(path: Path, record: Record) -> None:
    """Raises ValueError if the checkpoint is not the one whose hash the record holds."""
    wanted = record.files.get(CHECKPOINT)
    held = file_sha256(path)
    if wanted is not None and held != wanted:
        raise ValueError(f"{CHECKPOINT} has sha256 {held[:12]}, its record says {wanted[:12]}")


def _put_aside(folder: Path) -> str | None:
    """Copy the record that is about to be superseded to `record-N.json`; return its sha256. Records are never deleted."""
    path = folder / RECORD
    if not path.is_file():
        return None
    before = path.read_bytes()
    write_atomically(folder / f"record-{len(list(folder.glob('record-*.json'))) + 1}.json", before)
    return bytes_sha256(before)


def _data(record: Record, cell: Cell, photos: PhotoSet) -> DataFacts:
    return DataFacts(
        id=cell.protocol.dataset,
        hash=cell.data_hash,
        split="every photo to test on; trained on other photos",
        n_train=record.data.n_train,
        n_test=len(photos),
    )
