"""Score the stored predictions of a finished cell again, for metrics that its record lacks. No training, no generator."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from colorbench.cell import Cell
from colorbench.data import load_protocol_photos
from colorbench.files import write_atomically
from colorbench.photo import decode_photo
from colorbench.record import FILE_NAME, Record, read_record, write_record
from colorbench.training.evaluate import rate_predictions, save_scores
from colorbench.training.train import check_photos


def rescore(
    cell: Cell,
    folder: Path,
    *,
    source: str | Path | None = None,
    metrics: Sequence[str],
    device: torch.device | str | None = None,
) -> Record:
    """Write a record with fresh scores that `supersedes` the one in `folder`.

    Raises:
        FileNotFoundError: the predictions are gone.
    """
    photos, path = load_protocol_photos(cell.protocol, source), folder / FILE_NAME
    check_photos(cell, photos)
    old = read_record(path)
    pictures = [np.array(decode_photo(folder / "predictions" / f"{name}.png")) for name in photos.test.ids]
    predictions = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    found = rate_predictions(predictions, photos.test, metrics, batch=cell.protocol.eval_batch, device=device or "cpu")
    before = path.read_bytes()
    record = old.model_copy(
        update={
            "scores": found.scores,
            "files": old.files | {"scores.parquet": save_scores(folder, found, photos.test)},
            "supersedes": hashlib.sha256(before).hexdigest(),
        }
    )
    earlier = len(list(folder.glob("record-*.json"))) + 1
    write_atomically(folder / f"record-{earlier}.json", before)  # records are facts: the old one stays beside the new
    write_record(record, path)
    return record
