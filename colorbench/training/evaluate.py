"""Evaluation: off the clock, the same for trained generators, baselines and failures.

Predictions are rounded (not truncated) to 8 bits, scored as such, and kept as PNG; so a score can be computed again from
the files, to the last digit.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.cell import Cell
from colorbench.data import PhotoSet
from colorbench.files import PREDICTIONS, SAMPLES, SCORES, bytes_sha256, pictures_sha256, remove, write_run_file
from colorbench.generators import BASELINES
from colorbench.generators.bayes import HiddenTruth
from colorbench.record import Score
from colorbench.tensors import Rgb, Rgb8, float32_on_gpu
from colorbench.training.heads import Forward, with_true_lightness

if TYPE_CHECKING:
    import pandas

_SAMPLES = 4  # rows of samples.png

Predict = Callable[[Batch, list[int]], Output]
"""A batch of photos and their rows in the set -> the prediction."""


@dataclass(frozen=True)
class Evaluation:
    """What evaluation gives: predictions uint8 `(n, 3, h, w)`, one row of scores per photo, and the record's scores."""

    predictions: Rgb8
    frame: "pandas.DataFrame"
    scores: dict[str, Score]


def model_predict(model: nn.Module, head: str, cell: Cell) -> Predict:
    """A finished generator under its cell's protocol.

    Args:
        model: on its device, with the weights of the cell's checkpoint.
        head: `ab`, `luv`, `rgb` or `bins`.
        cell: whose size, precision, memory format and lightness rule hold.
    """
    return forward_predict(Forward(model, head, cell), cell)


def forward_predict(forward: Forward, cell: Cell) -> Predict:
    """The same for a generator whose forward pass exists already, as training leaves it."""
    restore = cell.recipe.keep_lightness and forward.head == "rgb"

    def predict(truth: Batch, rows: list[int]) -> Output:
        forward.model.eval()
        output = forward(truth)
        return with_true_lightness(output, truth) if restore else output

    return predict


def baseline_predict(key: str, photos: PhotoSet, seed: int, mean_ab: Tensor, device: torch.device) -> Predict:
    """A baseline on these photos. `mean_ab`: of the photos that the board trains on, `(2,)`.

    Raises:
        ValueError: the baseline needs to know what the pictures are made of, which is unknown for photos.
    """
    if BASELINES[key].needs_truth:
        return _bayes_predict(key, photos, device)
    pixels = photos.pixels
    order = np.random.default_rng(seed).permutation(len(pixels))
    other = np.empty_like(order)
    other[order] = np.roll(order, 1)  # a cycle through all photos: none keeps its own colors
    mean_ab = mean_ab.to(device)

    def predict(truth: Batch, rows: list[int]) -> Output:
        others = Batch.from_rgb(torch.from_numpy(np.array(pixels[other[rows]])).to(device))
        if len(pixels) == 1:  # there is no other photo: its own colors, turned upside down
            others = Batch.from_rgb(others.rgb.flip(2, 3))
        return Output.from_ab(BASELINES[key].function(truth, mean_ab=mean_ab, other_ab=others.ab), truth.lightness)

    return predict


def _bayes_predict(key: str, photos: PhotoSet, device: torch.device) -> Predict:
    if photos.truth is None:
        raise ValueError(f"{key} needs pictures whose colors' distribution is known: use the dataset 'mixtures'")
    truth = photos.truth
    maps = truth.material_maps, np.stack([scene.objects for scene in truth.scenes])

    def predict(batch: Batch, rows: list[int]) -> Output:
        materials, objects = (torch.from_numpy(part[rows]).long() for part in maps)
        hidden = HiddenTruth(materials, objects, truth.mixtures, tuple(rows))
        return Output.from_ab(BASELINES[key].function(hidden).to(device), batch.lightness)

    return predict


class EvaluationFailed(Exception):
    """A finished generator cannot be evaluated; `reason` is the error of its code, or of the GPU."""

    def __init__(self, reason: Exception):
        super().__init__(str(reason))
        self.reason = reason


def naming_failures(predict: Predict) -> Predict:
    """The same predictions; what the generator's code raises comes out as `EvaluationFailed`."""

    def named(truth: Batch, rows: list[int]) -> Output:
        try:
            return predict(truth, rows)
        except OSError:
            raise
        except Exception as error:
            raise EvaluationFailed(error) from error

    return named


def evaluate(
    predict: Predict,
    photos: PhotoSet,
    metrics: Sequence[str],
    *,
    batch: int = 16,
    device: torch.device | str = "cpu",
) -> Evaluation:
    """Predict and score every photo of a test set.

    Args:
        predict: see `Predict`; called under `inference_mode`.
        photos: the test photos.
        metrics: keys of METRICS. Those whose weights are missing give null scores with the reason.
        batch: photos at a time; fixed by the protocol.
        device: where to predict and score.
    """
    predictions = predict_all(predict, photos, batch=batch, device=torch.device(device))
    return rate_predictions(predictions, photos, metrics, batch=batch, device=device)


def predict_all(predict: Predict, photos: PhotoSet, *, batch: int, device: torch.device) -> Rgb8:
    """uint8 predictions of all photos, on the CPU."""
    parts = []
    with torch.inference_mode(), float32_on_gpu("ieee"):
        for start in range(0, len(photos), batch):
            rows = list(range(start, min(start + batch, len(photos))))
            truth = Batch.from_rgb(torch.from_numpy(np.array(photos.pixels[rows])).to(device))
            parts.append(to_uint8(predict(truth, rows).rgb).cpu())
    return torch.cat(parts)


def rate_predictions(
    predictions: Rgb8,
    photos: PhotoSet,
    metrics: Sequence[str],
    *,
    batch: int = 16,
    device: torch.device | str = "cpu",
) -> Evaluation:
    """Scores of predictions that exist already, in the order of the photos."""
    from colorbench.metrics import METRICS, score
    from colorbench.metrics.references import References

    references = References(torch.from_numpy(np.array(photos.pixels)), batch=batch, device=device, cached=True)
    frame = score(predictions, references, list(metrics))
    frame.index = list(photos.ids)
    color_only = photos.color_only
    return Evaluation(predictions, frame, {key: _score(frame, METRICS[key], color_only) for key in metrics})


def to_uint8(rgb: Rgb) -> Rgb8:
    """Rounded to 8 bits."""
    return (rgb.clamp(0, 1) * 255).round().to(torch.uint8)


def _score(frame: "pandas.DataFrame", row, color_only: np.ndarray) -> Score:
    reason = frame.attrs["missing"].get(row.key)
    if not row.per_image:
        facts = {"unit": row.unit, "higher_is_better": row.higher_is_better, "version": row.version}
        value = frame.attrs["set"].get(row.key)
        return Score(value=value, n=len(frame) if value is not None else 0, reason=reason, **facts)
    return Score.over(frame[row.key].to_numpy(), color_only, row, reason)


def save_evaluation(folder: Path, evaluation: Evaluation, photos: PhotoSet) -> dict[str, str]:
    """Per-image scores, predictions and samples into a cell's folder; returns the hashes that its record keeps.

    New predictions are written beside the old ones and take their place last, so that a failed write loses none.
    """
    beside = folder / f".part-{PREDICTIONS}"
    remove(beside)  # of an attempt that was killed
    try:
        pictures = save_pictures(beside, evaluation.predictions, photos.ids)
        files = {SCORES: save_scores(folder, evaluation, photos), PREDICTIONS: pictures}
        save_samples(folder, evaluation, photos)
        remove(folder / PREDICTIONS)
        beside.rename(folder / PREDICTIONS)
    finally:
        remove(beside)
    return files


def save_scores(folder: Path, evaluation: Evaluation, photos: PhotoSet) -> str:
    """`scores.parquet`: photo, color_only, one column per per-image metric. Returns its sha256."""
    frame = evaluation.frame.astype("float64")
    frame.attrs = {}
    frame.insert(0, "color_only", photos.color_only)
    frame.insert(0, "photo", list(photos.ids))
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_run_file(folder / SCORES, buffer.getvalue())
    return bytes_sha256(buffer.getvalue())


def save_pictures(folder: Path, pictures: Rgb8, names: Sequence[str]) -> str:
    """Write one PNG per picture; return the hash over all of them (`files.pictures_sha256`)."""
    from PIL import Image

    def written():
        for name, picture in zip(names, pictures):
            pixels = np.ascontiguousarray(picture.permute(1, 2, 0).numpy())
            Image.fromarray(pixels).save(folder / f"{name}.png", compress_level=1)
            yield name, pixels.tobytes()

    folder.mkdir(parents=True, exist_ok=True)
    return pictures_sha256(written())


def save_samples(folder: Path, evaluation: Evaluation, photos: PhotoSet) -> None:
    """`samples.png`: gray | prediction | truth, one row for each of the first photos."""
    from PIL import Image

    rows = []
    for row in range(min(_SAMPLES, len(photos))):
        truth = torch.from_numpy(np.array(photos.pixels[row : row + 1]))
        batch = Batch.from_rgb(truth)
        gray = to_uint8(Output.from_ab(torch.zeros_like(batch.ab), batch.lightness).rgb)
        rows.append(torch.cat([gray[0], evaluation.predictions[row], truth[0]], dim=2))
    strip: Tensor = torch.cat(rows, dim=1)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(strip.permute(1, 2, 0).numpy())).save(buffer, format="PNG")
    write_run_file(folder / SAMPLES, buffer.getvalue())
