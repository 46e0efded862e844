"""`colorbench check FILE`: check that a plug-in's generators, losses, metrics and datasets keep the promises of their tables.

The promises of generators are in `colorbench.generators.check`; here are those of the three other tables.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
from rich.text import Text
from torch import Tensor

from colorbench.batch import Batch, Output
from colorbench.color import AbPrior
from colorbench.console import note, show_table
from colorbench.data.table import DatasetRow
from colorbench.generators.check import BrokenPromise, CheckResult, ask, check_generator
from colorbench.generators.row import as_row
from colorbench.losses import LOSSES, LossRow
from colorbench.losses.objective import build_objective
from colorbench.metrics import MetricRow
from colorbench.photo import decode_photo
from colorbench.plugins import load_plugins, read_tables

SIDE_PX = 192  # enough for five scales of MS-SSIM


def check_and_print(path: Path, source: str | None = None) -> int:
    """Print one line per promise; return the exit status, 1 when one is broken."""
    load_plugins([])
    findings = check_file(path, source)
    rows = [(each.name, "yes" if each.passed else Text("no", "red"), each.message) for each in findings]
    show_table(["promise", "kept", "what was seen"], rows, title=path.name)
    broken = sum(not each.passed for each in findings)
    note(f"{len(findings) - broken} of {len(findings)} checks passed.")
    return 1 if broken else 0


def check_file(path: str | Path, source: str | None = None) -> list[CheckResult]:
    """One result per row and promise.

    Args:
        path: a Python file that defines any of GENERATORS, LOSSES, METRICS, DATASETS.
        source: what `--data` would give; without it a dataset that needs one is not listed.

    Raises:
        ValueError, FileNotFoundError: no such file, or it does not run, or it defines no table.
    """
    tables = read_tables(Path(path).resolve())
    results = []
    for key, built in tables.get("generators", {}).items():
        named = ask(key, "row", partial(as_row, key, built))
        results += check_generator(as_row(key, built)) if named.passed else [named]
    for key, row in tables.get("losses", {}).items():
        results += _check(key, LOSS_PROMISES, row, {**LOSSES, **tables["losses"]})
    for key, row in tables.get("metrics", {}).items():
        results += _check(key, METRIC_PROMISES if row.per_image else SET_METRIC_PROMISES, row)
    for key, row in tables.get("datasets", {}).items():
        results += _check(key, DATASET_PROMISES, row, source)
    return results


def _check(key: str, promises: Mapping[str, Callable], row, *more) -> list[CheckResult]:
    results = [ask(key, "row", partial(_keeps_row, key, row))]
    for promise, keep in promises.items() if results[0].passed else ():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            results.append(ask(key, promise, partial(keep, row, *more)))
    return results


def _keeps_row(key: str, row) -> None:
    """The row is of the table's kind, has its key as its name, and states its source."""
    if not isinstance(row, LossRow | MetricRow | DatasetRow):
        raise BrokenPromise(f"this is a {type(row).__name__}; give a LossRow, MetricRow or DatasetRow")
    if row.key != key or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key):
        raise BrokenPromise(f"the row under {key!r} has the key {row.key!r}; give both the same key, like 'my-name'")
    if not row.source:
        raise BrokenPromise("source is empty; name the paper or the code that it follows")


def _scenes() -> dict[str, Tensor]:
    """Photos that break careless formulas, each `(2, 3, h, w)` in [0, 1]."""
    photo = torch.nn.functional.interpolate(torch.rand(2, 3, 12, 12), (SIDE_PX, SIDE_PX), mode="bilinear")
    flat = {name: torch.full_like(photo, level) for name, level in (("black", 0.0), ("gray", 0.5), ("white", 1.0))}
    return {"photo": photo, **flat}


def _predicted(row: LossRow, batch: Batch, ab: Tensor) -> tuple[Output, Tensor]:
    """A prediction as its head gives it, and the tensor that gradients have to reach."""
    if row.view == "logits" or row.needs_head == "bins":
        side = SIDE_PX // 4
        logits = torch.randn(len(batch), 313, side, side, requires_grad=True)
        return Output.from_logits(logits, batch.lightness), logits
    leaf = ab.clone().requires_grad_()
    return Output.from_ab(leaf, batch.lightness), leaf


def _keeps_gradients(row: LossRow, table: Mapping[str, LossRow]) -> None:
    """Finite values and gradients on a photo, on black, gray and white, and on an exact prediction."""
    objective = build_objective(row.key, table)
    scenes = _scenes()
    if objective.needs_prior:
        prior = AbPrior()
        prior.update(Batch.from_rgb(scenes["photo"]).ab)
        objective.set_prior(prior.prior())
    objective.attach(lambda gray: Output.from_ab(gray.repeat(1, 2, 1, 1) * 50, 50 * (gray + 1)))
    for name, rgb in scenes.items():
        batch = Batch.from_rgb(rgb)
        for ab, what in ((torch.randn_like(batch.ab) * 20, name), (batch.ab, f"{name}, predicted exactly")):
            output, leaf = _predicted(row, batch, ab)
            total = objective(output, batch).total
            if not total.isfinite():
                raise BrokenPromise(f"the value is {total.item():.3g} on {what}; make it finite there")
            if not total.requires_grad:
                raise BrokenPromise(f"no gradient reaches the prediction on {what}: it is detached")
            (gradient,) = torch.autograd.grad(total, leaf, allow_unused=True)
            if gradient is None or not gradient.isfinite().all():
                state = "absent" if gradient is None else "not finite"
                raise BrokenPromise(f"the gradient is {state} on {what}; make it finite there")


def _keeps_pictures_apart(row: LossRow, table: Mapping[str, LossRow]) -> None:
    """A plain function gives one value per picture, whatever its neighbors are."""
    if row.term is not None or row.needs is not None or not row.per_image:
        return
    pred, true = (Batch.from_rgb(torch.rand(2, 3, SIDE_PX, SIDE_PX)).view(row.view) for _ in range(2))
    if row.view == "logits":
        pred = torch.randn(2, 313, SIDE_PX // 4, SIDE_PX // 4)
    scale = 110 if row.view == "ab" else 1
    _expect_one_value_per_picture(row.function, pred / scale, true / scale)


def _expect_one_value_per_picture(function: Callable, *pictures: Tensor) -> Tensor:
    values = function(*pictures)
    if values.shape != (2,) or not values.is_floating_point():
        raise BrokenPromise(
            f"2 pictures gave {values.dtype} of shape {tuple(values.shape)}; give one float per picture"
        )
    alone = function(*(each[:1] for each in pictures))
    if not torch.allclose(alone, values[:1], rtol=1e-4, atol=1e-5):
        raise BrokenPromise(
            f"a picture's value depends on its batch: {alone.item():.6g} alone, {values[0].item():.6g} beside another; "
            "compute each picture by itself"
        )
    return values


def _keeps_values(row: MetricRow) -> None:
    """One finite float per picture, whatever its neighbors are; the pictures are not changed."""
    target, pred = _scenes()["photo"], torch.rand(2, 3, SIDE_PX, SIDE_PX)
    before = pred.clone(), target.clone()
    pictures = (pred,) if row.inputs == "single" else (pred, target)
    values = _expect_one_value_per_picture(row.function, *pictures)
    if values.isnan().any():
        raise BrokenPromise("the value is NaN on a photo; give a finite number")
    if not torch.equal(pred, before[0]) or not torch.equal(target, before[1]):
        raise BrokenPromise("it writes into the pictures; copy them first")


def _keeps_flat(row: MetricRow) -> None:
    """No NaN on black, gray and white pictures, equal or different."""
    scenes = list(_scenes().items())
    for name, pred in scenes:
        for other, target in scenes:
            if _value(row, pred, target).isnan().any():
                raise BrokenPromise(f"the value is NaN for {name} against {other}")


def _keeps_direction(row: MetricRow) -> None:
    """The photo itself is the best prediction of the photo."""
    if row.higher_is_better is None or row.inputs == "single":
        return
    target = _scenes()["photo"]
    perfect, worse = (
        _value(row, target, target),
        _value(row, (target + 0.1 * torch.randn_like(target)).clamp(0, 1), target),
    )
    if not (perfect > worse if row.higher_is_better else perfect < worse).all():
        way = "higher" if row.higher_is_better else "lower"
        raise BrokenPromise(
            f"{way} is better, yet the photo itself gets {perfect[0].item():.4g} and a noisy copy {worse[0].item():.4g}"
        )


def _value(row: MetricRow, pred: Tensor, target: Tensor) -> Tensor:
    return row.function(pred) if row.inputs == "single" else row.function(pred, target)


def _keeps_features(row: MetricRow) -> None:
    """A set metric has a value from the features of two sets, and the same set is nearest."""
    near, far = torch.randn(40, 8), torch.randn(30, 8) + 1
    if row.on_features is None:
        raise BrokenPromise("on_features is missing; a set metric needs (pred features, target features) -> float")
    if not row.on_features(near, far) > row.on_features(near, near) - 1e-6:
        raise BrokenPromise("two different sets get a smaller distance than a set and itself")


def _keeps_source(row: DatasetRow, source: str | None) -> None:
    """Pictures are listed by unique names and the first can be read; without a needed source it says what it needs."""
    if row.needs_source and source is None:
        try:
            row.find(None)
        except (ValueError, OSError):
            return
        raise BrokenPromise(f"it needs {row.needs_source}: let find(None) raise a ValueError that says so")
    found = row.find(source)
    names = [each.name for each in found.sources]
    if not names or len(set(names)) < len(names):
        raise BrokenPromise("it lists no pictures" if not names else "two pictures have the same name")
    decode_photo(found.sources[0].read())


LOSS_PROMISES = {"gradients": _keeps_gradients, "one value per picture": _keeps_pictures_apart}
METRIC_PROMISES = {"one value per picture": _keeps_values, "flat pictures": _keeps_flat, "direction": _keeps_direction}
SET_METRIC_PROMISES = {"features": _keeps_features}
DATASET_PROMISES = {"pictures": _keeps_source}
