"""The first two checks of `checks`: what can be verified of a record and the files beside it without reading a picture.

valid: schema, names, hashes of what lies beside a record, ranges of its numbers, and that everything a table or page reads
can be read. plausible: the arithmetic of budget, time and memory.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from colorbench.files import CONTROL_CHARACTERS, file_sha256, printable
from colorbench.leaderboard.entries import Run, color_only_of
from colorbench.leaderboard.untrusted import (
    LARGEST,
    LARGEST_INTEGER,
    METRIC,
    check_name,
    check_safetensors,
    folder_sha256,
    is_number,
    submitted_files,
)
from colorbench.metrics import METRICS
from colorbench.record import Record, Score

_RANGES = {
    "psnr": (0, 120), "psnr-ab": (0, 120), "ssim": (-1, 1), "ms-ssim": (-1, 1), "lpips-alex": (0, 5), "lpips-vgg": (0, 5),
    "lpips-squeeze": (0, 5), "delta-e-76": (0, 300), "delta-e-2000": (0, 200), "ab-auc": (0, 1), "colorfulness": (0, 300),
    "ab-auc-rebalanced": (0, 1), "out-of-gamut": (0, 1), "top1-agreement": (0, 1), "fid": (0, 1e4), "lightness-error": (0, 100),
    "colorfulness-error": (0, 300), "colorfulness-abs": (0, 300), "kid": (-1, 1e3), "color-bleeding": (-200, 200),
    "hue-bias": (-180, 180), "fid-hue-invariant": (0, 1e4), "delta-cf": (0, 300), "cdc": (0, 1),
}  # fmt: skip
_PRIVATE = re.compile(r"(?:^|[\s'\"=(])(?:/(?:home|root|Users|mnt|work|data|tmp|scratch)/\S+|[A-Za-z]:\\\\?\S+)")


def valid(run: Run) -> list[str]:
    """Names, hashes and ranges; that table and curve can be read, and that the table agrees with the record."""
    list(submitted_files(run.folder))
    record = run.record
    check_name(record.cell.recipe.label)
    problems = _numbers(record) + _ranges(record) + _hashes(run) + _private(record) + _unprintable(record)
    run.checked_curve()  # raises Refused
    if not problems and run.scores is not None:
        problems = _table_agrees(record, run.scores)
    return problems


def _numbers(record: Record) -> list[str]:
    """Numbers so large that the arithmetic of a table or plot overflows, in any field."""
    return [
        f"{name[:80]} is beyond {LARGEST_INTEGER if isinstance(value, int) else LARGEST:g}"
        for name, value in _leaves(record.model_dump(mode="json"))
        if isinstance(value, int | float) and not isinstance(value, bool) and not is_number(value)
    ][:5]


def _unprintable(record: Record) -> list[str]:
    """Characters in a text that steer a terminal or turn the direction of writing."""
    return [
        f"{printable(name)[:80]} holds control characters"
        for name, value in _leaves(record.model_dump(mode="json"))
        if isinstance(value, str) and CONTROL_CHARACTERS.search(value)
    ][:5]


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """`(dotted name, value)` of all that is no object or list."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, name)
    else:
        yield name, value


def _ranges(record: Record) -> list[str]:
    problems = []
    for key, score in record.scores.items():
        if not METRIC.fullmatch(key):
            problems.append(
                f"{key[:40]!r} is not the name of a metric: lower-case letters, digits and hyphens, at most 60"
            )
        low, high = _RANGES.get(key, (-np.inf, np.inf))
        for value in (score.value, score.color_only_value):
            if value is not None and not low <= value <= high:
                problems.append(f"{key} is {value:g}; it lies between {low:g} and {high:g}")
        if score.n > record.data.n_test or score.color_only_n > score.n:
            problems.append(f"{key} counts {score.n} photos ({score.color_only_n} color-only) of {record.data.n_test}")
        if score.value is None and not score.reason and not score.infinite:
            problems.append(f"{key} is empty and gives no reason")
    if record.status != "skipped" and not record.scores:
        problems.append(f"status {record.status} without a score")
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
            continue  # large files may live elsewhere; the check that needs them is then left out
        held = folder_sha256(path) if path.is_dir() else file_sha256(path)
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
    color_only = color_only_of(table)
    for key, score in record.scores.items():
        if key not in table.columns:
            if score.value is not None and key in METRICS and METRICS[key].per_image:
                problems.append(f"{key}: the record has a value, scores.parquet no column")
            continue
        found = Score.over(table[key].to_numpy(float), color_only, score)
        if score.color_only_value is None and not score.color_only_n:  # not claimed
            found = found.model_copy(update={"color_only_value": None, "color_only_n": 0})
        pairs = (
            ("mean", found.value, score.value),
            ("color-only mean", found.color_only_value, score.color_only_value),
        )
        for what, ours, theirs in pairs:
            if not _is_close(ours, theirs):
                problems.append(f"{key}: scores.parquet has {what} {_number(ours)}, the record says {_number(theirs)}")
        if (found.n, found.color_only_n) != (score.n, score.color_only_n):
            problems.append(
                f"{key}: scores.parquet counts {found.n} photos ({found.color_only_n} color-only), the record {score.n} "
                f"({score.color_only_n})"
            )
    if len(table) != record.data.n_test:
        problems.append(f"scores.parquet has {len(table)} photos, the record says {record.data.n_test}")
    return problems


def _is_close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.isclose(one, other, rtol=1e-6, atol=1e-9))


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


_PEAK_FLOPS = 2.5e15
"""No single accelerator of today does more dense bf16 arithmetic a second."""
_CARD_BYTES = {
    "H200": 144e9,
    "H100": 96e9,
    "A100": 81e9,
    "B200": 192e9,
    "L40": 48e9,
    "4090": 25e9,
    "3090": 25e9,
    "T4": 16e9,
}
_MOST_CARD_BYTES = 300e9


def plausible(record: Record) -> list[str]:
    """Steps times batch are the images; no step is faster than arithmetic allows; memory fits the card."""
    if record.origin == "submission" or record.cell.is_baseline or record.status == "skipped":
        return [] if record.spent.steps == 0 else ["an entry that was not trained counts training steps"]
    spent, cost, protocol = record.spent, record.cost, record.cell.protocol
    problems = []
    if spent.images != spent.steps * protocol.batch:
        problems.append(f"{spent.steps} steps of {protocol.batch} are not {spent.images} images")
    if spent.planned_steps is not None and spent.steps > spent.planned_steps:
        problems.append(f"{spent.steps} steps, {spent.planned_steps} were planned")
    if record.status == "done" and spent.steps == 0:
        problems.append("status done without a training step")
    problems += _budget_kept(record) + _arithmetic(record)
    tried = sum(attempt.train_seconds for attempt in record.attempts)
    if record.attempts and not np.isclose(tried, cost.train_seconds, rtol=0.02, atol=1.0):
        problems.append(f"attempts took {tried:.1f} s together, the record says {cost.train_seconds:.1f} s")
    return problems


def _budget_kept(record: Record) -> list[str]:
    budget, spent = record.cell.protocol.budget, record.spent
    if spent.kind != budget.kind:
        return [f"spent in {spent.kind}, the budget is in {budget.kind}"]
    used = {
        "steps": spent.steps,
        "samples": spent.images,
        "seconds": record.cost.train_seconds,
        "flops": spent.model_flops,
    }
    amount = used.get(budget.kind)
    slack = 1.25 if budget.kind == "seconds" else 1.02
    if amount is not None and amount > slack * budget.amount + (
        record.cell.protocol.batch if budget.kind == "samples" else 0
    ):
        return [f"used {amount:g} of {budget}"]
    if record.status == "done" and budget.kind == "steps" and spent.steps < budget.amount:
        return [f"done after {spent.steps} of {budget}"]
    return []


def _arithmetic(record: Record) -> list[str]:
    spent, cost, facts = record.spent, record.cost, record.generator
    problems = []
    floor = (spent.model_flops or 6.0 * (facts.macs or 0) * spent.images) / _PEAK_FLOPS
    if spent.steps and cost.train_seconds < max(floor, 1e-5 * spent.steps):
        problems.append(f"{spent.steps} steps in {cost.train_seconds:g} s: faster than any device")
    if facts.trainable_parameters > facts.parameters:
        problems.append("more trainable parameters than parameters")
    card = next(
        (size for name, size in _CARD_BYTES.items() if name in (record.environment.gpu or "")), _MOST_CARD_BYTES
    )
    if cost.peak_bytes is not None and cost.peak_bytes > card:
        problems.append(
            f"{cost.peak_bytes / 1e9:.0f} GB in use, more than {record.environment.gpu or 'any device'} has"
        )
    if cost.peak_bytes is not None and record.status == "done" and cost.peak_bytes < 4 * facts.parameters:
        problems.append(f"{cost.peak_bytes} bytes do not hold {facts.parameters} parameters")
    return problems
