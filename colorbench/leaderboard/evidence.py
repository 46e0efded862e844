"""The three upper rungs of `checks`: score again, infer again, train again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from colorbench.cell import Cell
from colorbench.leaderboard.door import check_safetensors
from colorbench.leaderboard.entries import Board, Run, read_board
from colorbench.record import Record

PHOTOS = 64
_LEVEL = 1
"""Of 255: how far a picture made again may differ, per pixel."""
_COARSE_LEVEL = 16
_RELATIVE = 1e-3

Infer = Callable[[Path, list[UInt8[np.ndarray, "h w 3"]]], list[UInt8[np.ndarray, "h w 3"]]]
"""A checkpoint and true photos -> predictions, uint8."""
Rerun = Callable[[Cell], Record]
"""A cell with a seed the checker chose -> its record, trained anew."""


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
