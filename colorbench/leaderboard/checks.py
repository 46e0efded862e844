"""How far a record can be believed: a ladder of five badges, each resting on the one before.

valid: schema, key, hashes of what lies beside it, ranges. plausible: the arithmetic of budget, time and memory.
re-scored: the stored pictures give the scores again. re-inferred: the checkpoint gives the pictures again, within 1/255.
re-run: training again from seeds the checker chose does not come out significantly worse than the claim.

Nothing submitted is executed. The two upper rungs need a trainer, so they take functions: `infer` and `rerun`.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from colorbench.cell import Cell
from colorbench.leaderboard.door import Refused, check_name, check_safetensors, submitted_files
from colorbench.leaderboard.entries import Board, Run, read_board, read_scores, record_files
from colorbench.leaderboard.predictions import manifest_sha256
from colorbench.record import Record, file_sha256, read_record

BADGES = ("valid", "plausible", "re-scored", "re-inferred", "re-run")
PHOTOS = 64
_LARGE = ("predictions", "checkpoint.safetensors")
_LEVEL = 1
"""Of 255: how far a picture made again may differ, per pixel."""
_COARSE_LEVEL = 16
_RELATIVE = 1e-3
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
_RANGES = {
    "psnr": (0, 120), "psnr-ab": (0, 120), "ssim": (-1, 1), "ms-ssim": (-1, 1), "lpips-alex": (0, 5), "lpips-vgg": (0, 5),
    "lpips-squeeze": (0, 5), "delta-e-76": (0, 300), "delta-e-2000": (0, 200), "ab-auc": (0, 1), "colorfulness": (0, 300),
    "ab-auc-rebalanced": (0, 1), "out-of-gamut": (0, 1), "top1-agreement": (0, 1), "fid": (0, 1e4), "lightness-error": (0, 100),
    "colorfulness-error": (0, 300), "colorfulness-abs": (0, 300), "kid": (-1, 1e3),
}  # fmt: skip
_PRIVATE = re.compile(r"(?:^|[\s'\"=(])(?:/(?:home|root|Users|mnt|work|data|tmp|scratch)/\S+|[A-Za-z]:\\\\?\S+)")

Infer = Callable[[Path, list[UInt8[np.ndarray, "h w 3"]]], list[UInt8[np.ndarray, "h w 3"]]]
"""A checkpoint and true photos -> predictions, uint8."""
Rerun = Callable[[Cell], Record]
"""A cell with a seed the checker chose -> its record, trained anew."""


@dataclass(frozen=True)
class Finding:
    """What was found about one record: the badges it holds, and what kept it from the next one.

    `absent`: files that the record names and that are not here; the rungs that need them cannot be tried.
    """

    place: str
    sha256: str
    badges: tuple[str, ...]
    problems: tuple[str, ...]
    absent: tuple[str, ...] = ()

    @property
    def remark(self) -> str:
        """The problems, and what is not at hand."""
        away = [f"not at hand: {', '.join(self.absent)}"] if self.absent else []
        return "; ".join([*self.problems, *away])

    @property
    def ok(self) -> bool:
        """No check that was made failed. A rung that could not be tried here is no failure."""
        return not self.problems


def check(
    folder: Path,
    *,
    rescore: bool = True,
    infer: Infer | None = None,
    rerun: Rerun | None = None,
    seeds: tuple[int, ...] = (1001, 1002, 1003),
    only: list[str] | None = None,
) -> list[Finding]:
    """Check every record of a suite's folder.

    Args:
        folder: `<suite>/` with records, and `references/` where scores are to be computed again.
        rescore: False stops at `plausible`, which needs no pictures and takes no time.
        infer: makes pictures from a checkpoint; None leaves `re-inferred` untried.
        rerun: trains a cell; None leaves `re-run` untried. `seeds` are the checker's.
        only: folders of records to check (labels); the others are not looked at.

    Returns:
        One finding a record file, in order of places. Files that are refused have no badge and a problem that says why.
    """
    folder = Path(folder)
    findings = []
    for path in record_files(folder):
        place = path.relative_to(folder).as_posix()
        if only is None or place.split("/")[0] in only:
            findings.append(_check_one(folder, path, place, rescore, infer, rerun, seeds))
    return findings + _alone(folder, findings, only)


def badges_of(findings: list[Finding]) -> dict[str, list[str]]:
    """As `build(badges=...)` takes them."""
    return {finding.sha256: list(finding.badges) for finding in findings if finding.badges}


def _alone(folder: Path, findings: list[Finding], only: list[str] | None) -> list[Finding]:
    """What would keep the whole folder from being one board."""
    if not findings or only is not None:
        return []
    try:
        read_board(folder)
    except (ValueError, OSError) as error:
        return [Finding(".", "", (), (str(error),))]
    return []


def _check_one(folder: Path, path: Path, place: str, rescore, infer, rerun, seeds) -> Finding:
    badges: list[str] = []
    absent: tuple[str, ...] = ()
    digest = ""
    try:
        _no_links(path, folder)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        record = read_record(path)
        run = Run(record, path.parent, digest)
        absent = tuple(name for name in _LARGE if name in record.files and not (path.parent / name).exists())
        for name, rung in (("valid", lambda: valid(run)), ("plausible", lambda: plausible(record))):
            if problems := rung():
                return Finding(place, digest, tuple(badges), tuple(problems), absent)
            badges.append(name)
        problems = _costly(folder, run, badges, rescore, infer, rerun, seeds)
    except (Refused, ValueError, OSError, KeyError, RuntimeError) as error:
        problems = [str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)]
    return Finding(place, digest, tuple(badges), tuple(problems), absent)


def _no_links(path: Path, folder: Path) -> None:
    here = path
    while here != folder:
        if here.is_symlink():
            raise Refused(f"{here.name}: a symbolic link")
        here = here.parent


def _costly(folder: Path, run: Run, badges: list[str], rescore, infer, rerun, seeds) -> list[str]:
    references = folder / "references"
    held = (run.folder / "predictions").is_dir() and references.is_dir()
    if not rescore or not held or run.record.status not in ("done",):
        return []
    if problems := rescored(run, references):
        return problems
    badges.append("re-scored")
    checkpoint = run.folder / "checkpoint.safetensors"
    if infer is None or not checkpoint.is_file() or run.record.cell.is_baseline:
        return []
    if problems := reinferred(run, references, infer):
        return problems
    badges.append("re-inferred")
    if rerun is None:
        return []
    problems = rerun_holds(folder, run, rerun, seeds)
    badges.extend([] if problems else ["re-run"])
    return problems


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
        problems.append("done after no step")
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
        problems.append(f"{cost.peak_bytes / 1e9:.0f} GB in use on {record.environment.gpu or 'one device'}")
    if cost.peak_bytes is not None and record.status == "done" and cost.peak_bytes < 4 * facts.parameters:
        problems.append(f"{cost.peak_bytes} bytes do not hold {facts.parameters} parameters")
    return problems


def rescored(run: Run, references: Path) -> list[str]:
    """Score the stored pictures again. They may be scaled by nobody and must be complete."""
    import tempfile

    from colorbench.leaderboard.scoring import score_in_parts
    from colorbench.metrics import METRICS

    claimed = {
        k: s for k, s in run.record.scores.items() if s.value is not None and k in METRICS and METRICS[k].per_image
    }
    with tempfile.TemporaryDirectory() as parts:
        frame, missing = score_in_parts(run.folder / "predictions", references, list(claimed), Path(parts))
    problems = []
    for key, score in claimed.items():
        if score.version != METRICS[key].version:
            problems.append(f"{key} is of version {score.version}, this package has {METRICS[key].version}")
        elif key not in missing and not _close(_finite_mean(frame[key].to_numpy(float)), score.value):
            problems.append(
                f"{key}: the stored pictures give {_finite_mean(frame[key]):g}, the record says {score.value:g}"
            )
    return problems


def _finite_mean(values) -> float:
    values = np.asarray(values, float)
    return float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else float("nan")


def _close(found: float, claimed: float) -> bool:
    return bool(np.isclose(found, claimed, rtol=_RELATIVE, atol=1e-4))


def reinferred(run: Run, references: Path, infer: Infer) -> list[str]:
    """The checkpoint's pictures of up to 64 photos, each value within 1 of 255 of the stored ones.

    bf16 rounds otherwise on every kind of device: there 99 % of a picture's values must hold that, and none be 16 away.
    """
    from colorbench.photo import decode_photo

    checkpoint = run.folder / "checkpoint.safetensors"
    check_safetensors(checkpoint)
    names = sorted(path.stem for path in references.glob("*.png"))[:PHOTOS]
    made = infer(checkpoint, [decode_photo(references / f"{name}.png") for name in names])
    if len(made) != len(names):
        return [f"the checkpoint gave {len(made)} pictures of {len(names)}"]
    worst, far = {}, []
    for name, picture in zip(names, made):
        kept = decode_photo(run.folder / "predictions" / f"{name}.png")
        if picture.shape != kept.shape:
            return [f"{name}: the checkpoint gives {picture.shape[:2]}, stored is {kept.shape[:2]}"]
        away = np.abs(picture.astype(int) - kept.astype(int))
        worst[name] = int(away.max())
        coarse = run.record.cell.protocol.precision == "bf16" and np.mean(away > _LEVEL) < 0.01
        if worst[name] > (_COARSE_LEVEL if coarse else _LEVEL):
            far.append(name)
    return (
        [f"{len(far)} of {len(names)} pictures differ by up to {max(worst.values())} of 255, such as {far[0]}"]
        if far
        else []
    )


def rerun_holds(folder: Path, run: Run, rerun: Rerun, seeds: tuple[int, ...]) -> list[str]:
    """Train again from the checker's seeds; the claim must not be significantly better than what comes out."""
    board = read_board(folder)
    entry = next(e for e in board.entries if any(r.sha256 == run.sha256 for r in e.runs))
    claim = entry.seed_values(board.primary)
    records = [rerun(run.record.cell.model_copy(update={"seed": seed})) for seed in seeds]
    values = np.array([_value(record, board) for record in records])
    p = better_by_chance(claim, values, bool(board.higher_is_better(board.primary)))
    if p < 0.05:
        return [
            f"claimed {board.primary} {claim.mean():.4g}, {len(values)} re-runs give {values.mean():.4g}: "
            f"significantly better than the re-run (p = {p:.2g})"
        ]
    return []


def _value(record: Record, board: Board) -> float:
    score = record.scores.get(board.primary)
    if score is None or score.value is None:
        raise ValueError(f"the re-run of seed {record.cell.seed} has no {board.primary} ({record.status})")
    return score.value


def better_by_chance(claim: Float[np.ndarray, "s"], rerun: Float[np.ndarray, "r"], higher_is_better: bool) -> float:
    """One-sided p that a claim this good comes from the distribution of the re-runs (t test, common variance).

    Raises:
        ValueError: fewer than 3 values in all: no variance to judge by.
    """
    from scipy import stats

    if len(claim) + len(rerun) < 3 or not len(claim) or not len(rerun):
        raise ValueError(f"{len(claim)} claimed and {len(rerun)} re-run seeds tell nothing; re-run at least 2")
    side = "greater" if higher_is_better else "less"
    return float(stats.ttest_ind(claim, rerun, equal_var=True, alternative=side).pvalue)


def difference_table(folder: Path, changed: list[str]) -> str:
    """Markdown for a pull request: the changed entries beside the baselines and the leader, difference and interval."""
    from colorbench.leaderboard.intervals import compare, sample
    from colorbench.leaderboard.standings import photo_matrix
    from colorbench.leaderboard.table import _md, cell, heading, standings

    board = read_board(folder)
    results = standings(board)
    order = results.order()
    rows = [k for k in order if board.entries[k].label in changed]
    leader = next((k for k in order if board.entries[k].kind == "trained" and k not in rows), None)
    beside = [k for k in order if board.entries[k].kind == "baseline"] + ([leader] if leader is not None else [])
    metric = board.primary
    data = sample(
        [entry.seed_values(metric) for entry in board.entries], photo_matrix(board, metric),
        np.array([entry.fixed for entry in board.entries]),
    )  # fmt: skip
    pairs = compare(data)
    half = pairs.half_width()
    lines = [
        f"| entry | {_md(heading(board, metric))} | "
        + " | ".join(f"− {_md(board.entries[j].label)}" for j in beside)
        + " |"
    ]
    lines.append("|---|---:|" + "---:|" * len(beside))
    for k in rows:
        cells = [f"{pairs.difference[k, j]:+.3g} ± {half[k, j]:.2g}" for j in beside]
        lines.append(f"| {_md(board.entries[k].label)} | {cell(results.full[metric], k)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def report(findings: list[Finding]) -> str:
    """The findings as Markdown, for a pull request or a terminal. Text from a submission is escaped."""
    from colorbench.leaderboard.table import _md

    lines = ["| record | badges | remark |", "|---|---|---|"]
    for finding in findings:
        lines.append(f"| {_md(finding.place)} | {', '.join(finding.badges) or 'none'} | {_md(finding.remark[:500])} |")
    return "\n".join(lines) + "\n"
