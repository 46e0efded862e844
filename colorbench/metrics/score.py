"""`score`: any colorizer's pictures against the true photos, one row per picture."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from colorbench.errors import unknown_name
from colorbench.features import WeightsMissing
from colorbench.metrics.fid import INDICATIVE_BELOW, fid_of
from colorbench.metrics.pair import Pair, Reference
from colorbench.metrics.pictures import Pictures, at_size, no_common_name, pictures_of
from colorbench.metrics.references import References, as_float
from colorbench.metrics.row import MetricRow, SetFeatures
from colorbench.metrics.table import METRICS
from colorbench.photo import PhotoError
from colorbench.record import finite_mean
from colorbench.tensors import PictureTooSmall, TooFewPictures, float32_on_gpu

if TYPE_CHECKING:
    import pandas

Progress = Callable[[int, int], None]
"""Called with pictures done and pictures in all."""


def score(
    pred: Any,
    target: Any,
    metrics: Sequence[str | MetricRow] | None = None,
    *,
    resize: bool = False,
    on_progress: Progress | None = None,
) -> "pandas.DataFrame":
    """Score pictures against the true photos.

    Each of `pred` and `target` is a tensor or an array (uint8, or float in [0, 1]; `(n, 3, h, w)` or `(n, h, w,
    3)`), a Pillow image, the path of a file, a list of such pictures of any sizes, or the path of a folder. Two folders are
    matched by file stem, lists by position. Score several generators against one `References(target)`: what the metrics
    need of the photos is then computed once.

    The size rule: a prediction is compared at the photo's size. Another size is an error, unless `resize=True`
    enlarges or shrinks the prediction (bilinear, antialiased).

    Args:
        pred: the colorizer's pictures.
        target: the true photos, or `References`.
        metrics: keys of METRICS or rows of your own; default every per-image metric that needs no classifier.
        resize: see the size rule.
        on_progress: called with (pictures done, pictures in all).

    Returns:
        One row per picture, index `image`, one column per per-image metric. In `.attrs`: `missing` (key -> why a column
        or part of it is NaN), `set` (key -> value of set metrics), `notes` (key -> caution), `versions` (key ->
        version), `identical` (how many pictures equal their photo: their psnr is inf), `unreadable` (name -> why),
        `unmatched` (names that only one folder holds).
    """
    return _scored(pred, target, metric_rows(metrics), resize, on_progress)[0]


def _scored(
    pred: Any, target: Any, rows: list[MetricRow], resize: bool = False, on_progress: Progress | None = None
) -> "tuple[pandas.DataFrame, _Tally]":
    references = target if isinstance(target, References) else References(target)
    predictions = _Aligned(pictures_of(pred, "pred"), references, resize)
    tally = _Tally([row for row in rows if row.per_image], [row for row in rows if not row.per_image])
    done = 0
    with torch.inference_mode(), float32_on_gpu("ieee"):
        for indices, reference in references:
            for kept, pair in predictions.pairs(indices, reference):
                tally.add([references.names[index] for index in kept], pair)
            done += len(indices)
            if on_progress is not None:
                on_progress(done, len(references))
    return tally.frame(references, predictions), tally


def score_folders(
    predictions_dir: Any,
    references_dir: Any,
    metrics: Sequence[str | MetricRow] | None = None,
    *,
    resize: bool = False,
    device: torch.device | str | None = None,
    on_progress: Progress | None = None,
) -> "pandas.DataFrame":
    """`score` on two folders: files are matched by stem, read one batch at a time, and computed on `device`."""
    references = References(references_dir, device=device, keep_bytes=0)
    return score(predictions_dir, references, metrics, resize=resize, on_progress=on_progress)


def set_score(pred: Any, target: Any, key: str) -> float:
    """The value of a set metric (`fid`, `kid`, `delta-cf` ...) between all these pictures and the photos.

    Raises:
        WeightsMissing: the Inception weights are unavailable.
        TooFewPictures: fewer than 2 pictures.
    """
    row = metric_rows([key])[0]
    if row.per_image:
        raise ValueError(f"{key} is a per-image metric: use score(pred, target, [{key!r}])")
    frame, tally = _scored(pred, target, [row])
    if key in frame.attrs["set"]:
        return frame.attrs["set"][key]
    problem = WeightsMissing if key in tally.without_weights else TooFewPictures
    raise problem(frame.attrs["missing"][key])


def mean_scores(frame: "pandas.DataFrame") -> dict[str, float]:
    """The mean of each column over its images: infinite PSNR (identical pictures) is left out, unless all are."""
    means = {}
    for key in frame.columns:
        mean, _, infinite = finite_mean(frame[key].to_numpy(float))
        means[key] = mean if mean is not None else float("inf" if infinite else "nan")
    return means


def metric_rows(metrics: Sequence[str | MetricRow] | None) -> list[MetricRow]:
    """Rows by key, each once; None is every per-image metric that is on by default."""
    if metrics is None:
        return [row for row in METRICS.values() if row.per_image and row.default]
    if isinstance(metrics, str):
        raise TypeError(f"metrics is the text {metrics!r}, wanted a list of keys: [{metrics!r}]")
    for metric in metrics:
        if not isinstance(metric, MetricRow) and metric not in METRICS:
            raise unknown_name("metric", metric, METRICS)
    rows = [metric if isinstance(metric, MetricRow) else METRICS[metric] for metric in metrics]
    by_key: dict[str, MetricRow] = {}
    for row in rows:
        if by_key.setdefault(row.key, row) is not row:
            raise ValueError(f"two metrics are called {row.key}: give yours another key")
    return list(by_key.values())


class _Aligned:
    """Predictions in the order of the references: by stem when both are folders, else by position."""

    def __init__(self, predictions: Pictures, references: References, resize: bool):
        self.predictions, self.references, self.resize = predictions, references, resize
        self.unreadable: dict[str, str] = {}
        self.by_name = predictions.in_folder and references.pictures.in_folder
        if self.by_name:
            self.index_of = {name: index for index, name in enumerate(predictions.names)}
            if not set(self.index_of) & set(references.names):
                raise no_common_name(predictions, references.pictures)
        else:
            if len(predictions) != len(references):
                raise ValueError(
                    f"{len(predictions)} predictions for {len(references)} references: pass one for each, in order"
                )
            self.index_of = {name: index for index, name in enumerate(references.names)}

    @property
    def unmatched(self) -> list[str]:
        """Names that only one side has."""
        if not self.by_name:
            return []
        return sorted(set(self.predictions.names) ^ set(self.references.names))

    def pairs(self, indices: list[int], reference: Reference) -> Iterator[tuple[list[int], Pair]]:
        """The predictions of this batch of references beside them; fewer when some are missing."""
        if self.predictions.stack is not None and self.predictions.stack.shape[-2:] == reference.rgb.shape[-2:]:
            pred = self.predictions.stack[indices[0] : indices[-1] + 1]
            if len(pred) == len(indices):
                yield indices, Pair(as_float(pred, reference.rgb.device), reference)
                return
        found = {index: picture for index in indices if (picture := self._read(index, reference)) is not None}
        if not found:
            return
        if len(found) < len(indices):
            rows = [indices.index(index) for index in found]
            reference = Reference(reference.rgb[rows], reference.room, reference._bin_weights)
        yield list(found), Pair(torch.cat(list(found.values())), reference)

    def _read(self, index: int, reference: Reference) -> Tensor | None:
        name = self.references.names[index]
        if name not in self.index_of:
            return None
        try:
            picture = self.predictions.read(self.index_of[name])
        except PhotoError as error:
            self.unreadable[name] = str(error)
            return None
        return at_size(as_float(picture[None], reference.rgb.device), reference.rgb.shape[-2:], name, self.resize)


class _Tally:
    """Values as they come in: one list per per-image metric, features for set metrics."""

    def __init__(self, image_rows: list[MetricRow], set_rows: list[MetricRow]):
        self.image_rows, self.set_rows = image_rows, set_rows
        self.names: list[str] = []
        self.values: dict[str, list[Tensor]] = {row.key: [] for row in image_rows}
        self.missing: dict[str, str] = {}
        self.without_weights: set[str] = set()
        self.sets: dict[SetFeatures, list[MetricRow]] = {}
        for row in set_rows:
            self.sets.setdefault(row.features, []).append(row)
        self.features: dict[SetFeatures, list[tuple[Tensor, Tensor]]] = {kind: [] for kind in self.sets}

    def add(self, names: list[str], pair: Pair) -> None:
        self.names += names
        for row in self.image_rows:
            values = self._attempt([row.key], lambda row=row: row.of_pair(pair))
            self.values[row.key].append(_nan(pair) if values is None else values)
        for kind, rows in self.sets.items():
            features = self._attempt([row.key for row in rows], lambda kind=kind: kind.of_pair(pair))
            self.features[kind] += [] if features is None else [features]

    def _attempt(self, keys: list[str], compute: Callable[[], Any]) -> Any:
        """The value, or None and the reason under `missing`; weights that were not found are not asked for again."""
        if self.without_weights.issuperset(keys):
            return None
        try:
            return compute()
        except (WeightsMissing, PictureTooSmall) as error:
            self.missing.update(dict.fromkeys(keys, str(error)))
            if isinstance(error, WeightsMissing):
                self.without_weights.update(keys)
            return None

    def set_values(self) -> dict[str, float]:
        """The set metrics that can be given; the others, and why not, are under `missing`."""
        values = {}
        for kind, rows in self.sets.items():
            if not self.features[kind]:
                for row in rows:
                    self.missing.setdefault(row.key, "no picture was scored")
                continue
            pred, target = (torch.cat(features) for features in zip(*self.features[kind]))
            for row in rows:
                try:
                    values[row.key] = row.of_features(pred, target)
                except TooFewPictures as error:
                    self.missing[row.key] = str(error)
        return values

    def frame(self, references: References, predictions: _Aligned) -> "pandas.DataFrame":
        import pandas as pd

        columns = {
            key: torch.cat(values).double().cpu().numpy() if values else [] for key, values in self.values.items()
        }
        frame = pd.DataFrame(columns, index=pd.Index(self.names, name="image"), dtype=float)
        frame.attrs = {
            "missing": self.missing,
            "set": self.set_values(),  # which finds what is missing, too
            "notes": self._notes(),
            "versions": {row.key: row.version for row in (*self.image_rows, *self.set_rows)},
            "unreadable": {**references.unreadable, **predictions.unreadable},
            "unmatched": predictions.unmatched,
        }
        if "psnr" in frame:
            frame.attrs["identical"] = int(np.isinf(frame["psnr"].to_numpy()).sum())
        return frame

    def _notes(self) -> dict[str, str]:
        count = len(self.names)
        if count >= INDICATIVE_BELOW:
            return {}
        note = f"indicative: {count} pictures, fewer than {INDICATIVE_BELOW}; read kid instead"
        return {row.key: note for row in self.set_rows if row.on_features is fid_of and row.key not in self.missing}


def _nan(pair: Pair) -> Tensor:
    return pair.pred.new_full((len(pair.pred),), float("nan"))
