"""Several colorizations of each photo: the best of K, the mean of K, and how much the K differ.

Gray leaves the color open, so some colorizers give several answers. Their pictures lie in one folder per photo, named by the
photo's stem: `PRED/beach/0.png`, `PRED/beach/1.png` ... for `REF/beach.jpg`; every photo has the same number K of them.

Best of K (the error-of-best of Deshpande et al. 2017, Learning Diverse Image Colorization) takes for each photo and metric
the best of the K values: a bound on what a user who chooses gets. It improves with K alone, for random colors too, so
compare only at the same K, and beside the diversity: the mean distance between two samples of one photo (delta E 2000,
LPIPS as Zhu et al. 2017, BicycleGAN, measure it). K equal pictures have none.
Cost: K scorings, and K (K - 1) / 2 distances per photo.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from colorbench.features import WeightsMissing
from colorbench.files import printable
from colorbench.metrics.pictures import Pictures, matched_name, picture_files, read_picture
from colorbench.metrics.references import References, as_float
from colorbench.metrics.row import MetricRow
from colorbench.metrics.score import Progress, metric_rows, score
from colorbench.photo import PhotoError
from colorbench.tensors import PictureTooSmall, float32_on_gpu

if TYPE_CHECKING:
    import pandas

DIVERSITY = ("delta-e-2000", "lpips-alex")


def score_samples(
    predictions_dir: str | Path,
    target,
    metrics: Sequence[str | MetricRow] | None = None,
    *,
    diversity: Sequence[str | MetricRow] = DIVERSITY,
    resize: bool = False,
    device: torch.device | str | None = None,
    on_progress: Progress | None = None,
) -> "pandas.DataFrame":
    """Score K pictures per photo.

    Args:
        predictions_dir: a folder of folders, see above.
        target: the folder of the true photos, or `References` of it.
        metrics: per-image metrics, as `score` takes them.
        diversity: distances between two samples of one photo.
        resize: as in `score`.
        device: where metrics are computed.
        on_progress: called with pictures done and pictures in all.

    Returns:
        One row per photo. Columns `best-KEY` (for a metric with a direction) and `mean-KEY` of every metric, `diversity-KEY`
        of every distance; NaN where a sample cannot be read. `.attrs` as those of `score`, and `samples`, which is K.

    Raises:
        ValueError: photos with different numbers of samples, fewer than 2, or a metric of a whole set.
    """
    import pandas as pd

    rows, distances = metric_rows(metrics), metric_rows(diversity)
    if sets := [row.key for row in (*rows, *distances) if not row.per_image]:
        raise ValueError(f"{', '.join(sets)} is of a whole set and has no best of K: score each sample's folder")
    references = target if isinstance(target, References) else References(target, device=device)
    samples = sample_files(predictions_dir)
    k, done = _count(samples), 0

    def tell(part: int, total: int) -> None:
        if on_progress is not None:
            on_progress(done + part, k * total)

    frames = []
    for place in range(k):
        pictures = Pictures(list(samples), partial(_read, list(samples.values()), place), in_folder=True)
        frames.append(score(pictures, references, rows, resize=resize, on_progress=tell))
        done += len(references)
    names = [name for name in references.names if name in samples]
    values = {row.key: np.stack([frame[row.key].reindex(names) for frame in frames]) for row in rows}
    columns = {}
    for row in rows:
        if row.higher_is_better is not None:
            best = np.max if row.higher_is_better else np.min
            columns[f"best-{row.key}"] = best(values[row.key], axis=0)
        columns[f"mean-{row.key}"] = values[row.key].mean(axis=0)
    missing = {f"{kind}-{key}": why for key, why in frames[0].attrs["missing"].items() for kind in ("best", "mean")}
    for row in distances:
        columns[f"diversity-{row.key}"] = _diversity(row, [samples[name] for name in names], device, missing)
    frame = pd.DataFrame(columns, index=pd.Index(names, name="image"), dtype=float)
    versions = {row.key: row.version for row in (*rows, *distances)}
    frame.attrs = {
        "samples": k,
        "missing": {column: why for column, why in missing.items() if column in columns},
        "set": {},
        "notes": {"best of K": f"K is {k}; it improves with K, so compare only colorizers with as many samples"},
        "versions": {column: versions[metric_of(column)] for column in columns},
        "unreadable": {name: why for each in frames for name, why in each.attrs["unreadable"].items()},
        "unmatched": sorted(set(samples) ^ set(references.names)),
    }
    return frame


def metric_of(column: str) -> str:
    """The key of a column of `score_samples`; other names are returned as they are.

    >>> metric_of("best-delta-e-2000"), metric_of("psnr")
    ('delta-e-2000', 'psnr')
    """
    kind, _, key = column.partition("-")
    return key if kind in ("best", "mean", "diversity") else column


def holds_samples(folder: str | Path) -> bool:
    """Whether a folder has folders of samples, and no pictures of its own."""
    try:
        picture_files(folder)
    except ValueError:
        return any(_folders(folder))
    return False


def sample_files(folder: str | Path) -> dict[str, list[Path]]:
    """Photo -> the files of its samples, in the order of their names.

    Raises:
        ValueError: no folders in it, or one without pictures.
    """
    found = {matched_name(path.name): list(picture_files(path).values()) for path in _folders(folder)}
    if not found:
        raise ValueError(f"{printable(folder)} holds no folders of samples: wanted one per photo, named like it")
    return found


def _folders(folder: str | Path) -> list[Path]:
    return [path for path in sorted(Path(folder).iterdir()) if path.is_dir() and not path.name.startswith(".")]


def _count(samples: dict[str, list[Path]]) -> int:
    counts = {len(files): name for name, files in samples.items()}
    if len(counts) > 1:
        (few, one), (many, other) = sorted(counts.items())[:: len(counts) - 1]
        raise ValueError(f"{one} has {few} samples and {other} {many}: give every photo the same number")
    if (k := next(iter(counts))) < 2:
        raise ValueError(f"every photo has {k} sample: give at least 2, or score the pictures themselves")
    return k


def _read(files: list[list[Path]], place: int, index: int) -> Tensor:
    return read_picture(files[index][place])


def _diversity(
    row: MetricRow, samples: list[list[Path]], device: torch.device | str | None, missing: dict[str, str]
) -> np.ndarray:
    """Mean over all pairs of a photo's samples; NaN, and the reason under `missing`, where it cannot be computed."""
    found = np.full(len(samples), np.nan)
    for place, files in enumerate(samples):
        try:
            found[place] = _mean_distance(row.function, files, device)
        except PhotoError:
            continue
        except (WeightsMissing, PictureTooSmall) as error:
            missing[f"diversity-{row.key}"] = str(error)
            if isinstance(error, WeightsMissing):
                break
    return found


def _mean_distance(function: Callable[[Tensor, Tensor], Tensor], files: list[Path], device) -> float:
    pictures = as_float(torch.stack([read_picture(path) for path in files]), device)
    first, second = (list(places) for places in zip(*combinations(range(len(files)), 2)))
    with torch.inference_mode(), float32_on_gpu("ieee"):
        return function(pictures[first], pictures[second]).double().mean().item()
