"""The first rung of `checks`: schema, names, hashes of what lies beside a record, ranges of its numbers."""

import re

import numpy as np

from colorbench.files import file_sha256
from colorbench.leaderboard.door import check_name, check_safetensors, submitted_files
from colorbench.leaderboard.entries import Run, read_scores
from colorbench.leaderboard.predictions import manifest_sha256
from colorbench.record import Record

_RANGES = {
    "psnr": (0, 120), "psnr-ab": (0, 120), "ssim": (-1, 1), "ms-ssim": (-1, 1), "lpips-alex": (0, 5), "lpips-vgg": (0, 5),
    "lpips-squeeze": (0, 5), "delta-e-76": (0, 300), "delta-e-2000": (0, 200), "ab-auc": (0, 1), "colorfulness": (0, 300),
    "ab-auc-rebalanced": (0, 1), "out-of-gamut": (0, 1), "top1-agreement": (0, 1), "fid": (0, 1e4), "lightness-error": (0, 100),
    "colorfulness-error": (0, 300), "colorfulness-abs": (0, 300), "kid": (-1, 1e3),
}  # fmt: skip
_PRIVATE = re.compile(r"(?:^|[\s'\"=(])(?:/(?:home|root|Users|mnt|work|data|tmp|scratch)/\S+|[A-Za-z]:\\\\?\S+)")


def valid(run: Run) -> list[str]:
    """Names, hashes and ranges; and that the per-image table agrees with the record."""
    list(submitted_files(run.folder))
    record = run.record
    check_name(record.cell.recipe.label)
    problems = _ranges(record) + _hashes(run) + _private(record)
    table = run.folder / "scores.parquet"
    if not problems and table.is_file():
        problems = _table_agrees(record, read_scores(table))
    return problems


def _ranges(record: Record) -> list[str]:
    problems = []
    for key, score in record.scores.items():
        low, high = _RANGES.get(key, (-np.inf, np.inf))
        for value in (score.value, score.color_only_value):
            if value is not None and not low <= value <= high:
                problems.append(f"{key} is {value:g}; it lies between {low:g} and {high:g}")
        if score.n > record.data.n_test or score.color_only_n > score.n:
            problems.append(f"{key} counts {score.n} photos ({score.color_only_n} color-only) of {record.data.n_test}")
        if score.value is None and not score.reason:
            problems.append(f"{key} is empty and gives no reason")
    if record.status != "skipped" and not record.scores:
        problems.append(f"status {record.status} and no score")
    if record.data.hash != record.cell.data_hash:
        problems.append("the data hash is not the cell's")
    return problems


def _hashes(run: Run) -> list[str]:
    """Files that the record names must be there unchanged; checkpoints must be safetensors."""
    problems = []
    for path in sorted(run.folder.glob("*.safetensors")):
        check_safetensors(path)
    for name, wanted in run.record.files.items():
        check_name(name)
        path = run.folder / name
        if not path.exists():
            continue  # large files may live elsewhere; the rung that needs them is then not reached
        held = manifest_sha256(path) if path.is_dir() else file_sha256(path)
        if held != wanted:
            problems.append(f"{name} has sha256 {held[:12]}, the record says {wanted[:12]}")
    return problems


def _private(record: Record) -> list[str]:
    texts = {
        "message": record.message,
        "generator.source": record.generator.source,
        "environment": record.environment.platform,
    }
    return [f"{name} holds a path of somebody's machine" for name, text in texts.items() if _PRIVATE.search(text)]


def _table_agrees(record: Record, table) -> list[str]:
    problems = []
    for key, score in record.scores.items():
        if key not in table.columns or score.value is None:
            continue
        values = table[key].to_numpy(float)
        mean = float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else np.nan
        if not np.isclose(mean, score.value, rtol=1e-6, atol=1e-9):
            problems.append(f"{key}: scores.parquet has mean {mean:g}, the record says {score.value:g}")
    if len(table) != record.data.n_test:
        problems.append(f"scores.parquet has {len(table)} photos, the record speaks of {record.data.n_test}")
    return problems
