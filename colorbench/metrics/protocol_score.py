"""`score_protocols`: one folder of pictures by the rules of several papers, and how far the same pictures move between them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from colorbench.features import WeightsMissing, load_features
from colorbench.metrics.fid import INDICATIVE_BELOW, fid_of
from colorbench.metrics.pictures import OtherSize, Pictures, at_size, folder_pictures, no_common_name
from colorbench.metrics.protocol_rules import Frechet, Measure, PerPicture, Size
from colorbench.metrics.protocols import MEASURES, protocol_rows
from colorbench.metrics.score import Progress
from colorbench.photo import PhotoError
from colorbench.tensors import PictureTooSmall, TooFewPictures, float32_on_gpu

if TYPE_CHECKING:
    import pandas

BATCH = 16
"""Pictures that pass through Inception together."""


def score_protocols(
    predictions_dir: str | Path,
    references_dir: str | Path,
    protocols: Sequence[str] | None = None,
    *,
    resize: bool = False,
    device: torch.device | str | None = None,
    on_progress: Progress | None = None,
) -> "pandas.DataFrame":
    """Score a folder by the rules of several papers. Files are matched by stem.

    Args:
        predictions_dir: the colorizer's pictures.
        references_dir: the true photos.
        protocols: keys of PROTOCOLS; default, or with "all" among them, every one.
        resize: where a protocol takes pictures as they are, bring a prediction of another size to its photo's size as `score`
            does. Else what compares them pixel by pixel is empty.
        device: where it is computed; default the CPU.
        on_progress: called with (pictures done, pictures in all).

    Returns:
        One row per measure, one column per protocol; NaN where a protocol has none. In `.attrs`: `pictures` (how many),
        `missing` (protocol -> measure -> why it is NaN), `notes`, `unreadable` (name -> why), `unmatched` (names that only
        one folder holds).

    Raises:
        KeyError: an unknown protocol.
        ValueError: no prediction has the name of a photo, or none can be read.
    """
    import pandas as pd

    rows = protocol_rows(protocols)
    predictions, photos = folder_pictures(predictions_dir), folder_pictures(references_dir)
    kinds = {(measure, measure.size or row.size) for row in rows for measure in row.measures.values()}
    jobs = {kind: _job(*kind, resize) for kind in kinds}
    unreadable: dict[str, str] = {}
    pictures = 0
    with torch.inference_mode(), float32_on_gpu("ieee"):
        for pair in _pairs(predictions, photos, unreadable, on_progress):
            seen = _Prepared(*pair, device)
            for job in jobs.values():
                job.add(seen)
            pictures += 1
        if not pictures:
            raise ValueError("no pair of pictures could be read: " + next(iter(unreadable.values())))
        results = {kind: job.result() for kind, job in jobs.items()}
    columns, missing = {}, {}
    for row in rows:
        found = {key: results[measure, measure.size or row.size] for key, measure in row.measures.items()}
        columns[row.key] = {key: value for key, (value, _) in found.items()}
        if gone := {key: reason for key, (_, reason) in found.items() if reason}:
            missing[row.key] = gone
    index = [key for key in MEASURES if any(key in column for column in columns.values())]
    frame = pd.DataFrame(columns, index=pd.Index(index, name="measure"), dtype=float)
    few = "fid" in index and pictures < INDICATIVE_BELOW
    note = f"indicative: {pictures} pictures, fewer than {INDICATIVE_BELOW}"
    frame.attrs = {
        "pictures": pictures,
        "missing": missing,
        "notes": {"fid": note} if few else {},
        "unreadable": unreadable,
        "unmatched": sorted(set(predictions.names) ^ set(photos.names)),
    }
    return frame


def spread(frame: "pandas.DataFrame") -> "pandas.Series":
    """How far each measure moves between protocols on the same pictures: largest minus smallest finite value."""
    finite = frame.where(np.isfinite(frame))
    return (finite.max(axis=1) - finite.min(axis=1)).where(finite.count(axis=1) > 1)


def _pairs(
    predictions: Pictures, photos: Pictures, unreadable: dict[str, str], on_progress: Progress | None
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Name, prediction and photo, uint8 `(3, h, w)`, of every name that both folders hold and that can be read."""
    index = {name: k for k, name in enumerate(predictions.names)}
    names = [(k, name) for k, name in enumerate(photos.names) if name in index]
    if not names:
        raise no_common_name(predictions, photos)
    for done, (k, name) in enumerate(names, start=1):
        try:
            yield name, predictions.read(index[name]), photos.read(k)
        except PhotoError as error:
            unreadable[name] = str(error)
        if on_progress is not None:
            on_progress(done, len(names))


class _Prepared:
    """A prediction and its photo, brought to each size once."""

    def __init__(self, name: str, pred: Tensor, photo: Tensor, device: torch.device | str | None):
        self.name, self.pictures, self.device = name, (pred, photo), device
        self._at: dict[Size, tuple[Tensor, ...]] = {}

    def at(self, size: Size) -> tuple[Tensor, ...]:
        if size not in self._at:
            self._at[size] = tuple(size.prepare(picture).to(self.device or "cpu") for picture in self.pictures)
        return self._at[size]


class _Job:
    """One measure at one size, over all pictures. Several protocols may share it."""

    def __init__(self, size: Size):
        self.size, self.reason = size, ""

    def add(self, pictures: _Prepared) -> None:
        """Measure a pair. Once there is a reason why it cannot be, nothing more is measured."""
        if self.reason:
            return
        try:
            self._measure(pictures.name, *pictures.at(self.size))
        except (WeightsMissing, PictureTooSmall, OtherSize) as error:
            self.reason = str(error)

    def result(self) -> tuple[float, str]:
        """The number and "", or NaN and the reason."""
        if not self.reason:
            try:
                return self._total(), ""
            except (WeightsMissing, TooFewPictures) as error:
                self.reason = str(error)
        return float("nan"), self.reason

    def _measure(self, name: str, pred: Tensor, photo: Tensor) -> None:
        raise NotImplementedError

    def _total(self) -> float:
        raise NotImplementedError


class _PerPictureJob(_Job):
    def __init__(self, measure: PerPicture, size: Size, resize: bool):
        super().__init__(size)
        self.measure, self.resize = measure, resize
        self.values: list[np.ndarray] = []

    def _measure(self, name: str, pred: Tensor, photo: Tensor) -> None:
        pred = at_size(pred, photo.shape[-2:], name, self.resize)
        self.values.append(self.measure.of(pred, photo).double().cpu().numpy())

    def _total(self) -> float:
        return self.measure.total(np.stack(self.values))


class _FrechetJob(_Job):
    def __init__(self, measure: Frechet, size: Size):
        super().__init__(size)
        self.measure = measure
        self.waiting: list[tuple[Tensor, Tensor]] = []
        self.features: list[tuple[Tensor, Tensor]] = []

    def _measure(self, name: str, pred: Tensor, photo: Tensor) -> None:
        self.waiting.append((self.measure.scaled(pred), self.measure.scaled(photo)))
        if len(self.waiting) == BATCH:
            self._pass_waiting()

    def _pass_waiting(self) -> None:
        network: Any = load_features(self.measure.network, self.waiting[0][0].device)
        preds, photos = (network.pooled(torch.cat(pictures)).cpu() for pictures in zip(*self.waiting))
        self.features.append((preds, photos))
        self.waiting = []

    def _total(self) -> float:
        if self.waiting:
            self._pass_waiting()
        preds, photos = (torch.cat(features) for features in zip(*self.features))
        return fid_of(preds, photos)


def _job(measure: Measure, size: Size, resize: bool) -> _Job:
    if isinstance(measure, Frechet):
        return _FrechetJob(measure, size)
    return _PerPictureJob(measure, size, resize)
