"""Records of one run folder -> a Board: entries (one recipe over its seeds), what was skipped, what was refused.

A record file that another record `supersedes` (by the sha256 of its bytes) is left out. Records of different photos, rules,
protocols or metric versions never share a board: `MixedBoard` names the two camps.
"""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from colorbench.cell import Suite, canonical_json
from colorbench.record import Record, Score, read_record

MAX_ROWS = 200_000
"""A per-image table has one row a test photo; the largest published test set has 50 000."""

Kind = Literal["trained", "baseline", "submission"]


class MixedBoard(ValueError):
    """Records that must not stand in one table; the message names what differs and who."""


@dataclass(frozen=True)
class Run:
    """One record and the folder it lies in."""

    record: Record
    folder: Path
    sha256: str

    @cached_property
    def scores(self):
        """Per-image scores, a DataFrame indexed by photo, or None where there is no scores.parquet."""
        path = self.folder / "scores.parquet"
        return None if path.is_symlink() or not path.is_file() else read_scores(path)

    @property
    def name(self) -> str:
        return f"{self.record.cell.recipe.label}/seed-{self.record.cell.seed}"


@dataclass(frozen=True)
class Entry:
    """One row of the board: a recipe's runs over its seeds, a baseline, or a submitted colorizer."""

    label: str
    kind: Kind
    runs: tuple[Run, ...]

    @property
    def recipe(self):
        return self.runs[0].record.cell.recipe

    @property
    def fixed(self) -> bool:
        """A baseline or a submitted colorizer is one given model: it has no variance over seeds."""
        return self.kind != "trained"

    @property
    def failures(self) -> tuple[str, ...]:
        return tuple(run.record.status for run in self.runs if run.record.status != "done")

    def seed_values(self, metric: str, color_only: bool = False) -> Float[np.ndarray, "s"]:
        """The metric's mean over the photos, one value a seed; NaN where it could not be measured."""
        scores = (run.record.scores.get(metric) for run in self.runs)
        picked = (s and (s.color_only_value if color_only else s.value) for s in scores)
        return np.array([np.nan if value is None else value for value in picked], dtype=float)

    def photo_means(self, metric: str, photos: tuple[str, ...]) -> Float[np.ndarray, "p"] | None:
        """Per-photo values averaged over the seeds, in the order of `photos`; None without per-image tables.

        A photo without a finite value (PSNR of an identical picture) takes the mean of the others: it adds nothing.
        """
        columns = [run.scores[metric].reindex(photos).to_numpy(float) for run in self.runs if has(run, metric)]
        if not columns or len(columns) < len(self.runs):
            return None
        values = np.stack(columns)
        finite = np.isfinite(values)
        if not finite.any():
            return None
        return np.where(finite, values, values[finite].mean()).mean(axis=0)


def has(run: Run, metric: str) -> bool:
    """Whether the run has per-image values of the metric."""
    return run.scores is not None and metric in run.scores.columns


@dataclass(frozen=True)
class Board:
    """Everything a board shows, read once."""

    folder: Path
    name: str
    title: str
    note: str
    rankable: bool
    metrics: tuple[str, ...]
    primary: str
    entries: tuple[Entry, ...]
    skipped: tuple[Run, ...] = ()
    refused: tuple[str, ...] = ()
    superseded: int = 0
    pictures: bool = True
    facts: dict[str, Score] = field(default_factory=dict)

    @property
    def runs(self) -> list[Run]:
        return [run for entry in self.entries for run in entry.runs]

    @property
    def ranked(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind == "trained"]

    @cached_property
    def photos(self) -> tuple[str, ...]:
        """Test photos with per-image scores, sorted; empty for a folder of records alone."""
        tables = [run.scores for run in self.runs if run.scores is not None]
        return tuple(sorted(tables[0].index)) if tables else ()

    def entry(self, label: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.label == label), None)

    def higher_is_better(self, metric: str) -> bool | None:
        return self.facts[metric].higher_is_better if metric in self.facts else None

    def unit(self, metric: str) -> str:
        return self.facts[metric].unit if metric in self.facts else ""

    def missing(self) -> dict[str, str]:
        """Metrics that no run could measure, with the line that says how to get them."""
        gone = {}
        for metric in self.metrics:
            scores = [run.record.scores[metric] for run in self.runs if metric in run.record.scores]
            if not any(score.value is not None for score in scores):
                gone[metric] = next((s.reason for s in scores if s.reason), "not in these records")
        return gone


def read_scores(path: Path):
    """The per-image table at `path`, indexed by photo. Raises ValueError for one that is too long or malformed."""
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        file = parquet.ParquetFile(path)
        if file.metadata.num_rows > MAX_ROWS:
            raise ValueError(f"{file.metadata.num_rows} rows; a per-image table has at most {MAX_ROWS}")
        table = file.read().to_pandas()
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path.parent.name}/{path.name}: not a parquet table ({error})") from None
    except ValueError as error:
        raise ValueError(f"{path.parent.name}/{path.name}: {error}") from None
    if "photo" not in table.columns:
        raise ValueError(f"{path.parent.name}/{path.name}: no column `photo`; it has {list(table.columns)[:8]}")
    table = table.assign(photo=table["photo"].astype(str)).set_index("photo")
    if not table.index.is_unique:
        raise ValueError(f"{path.parent.name}/{path.name}: a photo stands in two rows")
    wrong = [name for name in table.columns if name != "color_only" and table[name].dtype.kind not in "fiu"]
    if wrong:
        raise ValueError(f"{path.parent.name}/{path.name}: columns {wrong[:5]} hold no numbers")
    return table


def read_board(run_dir: Path) -> Board:
    """All records under `run_dir`, checked to belong together.

    Raises:
        FileNotFoundError: no folder, or no record in it.
        MixedBoard: records of different photos, rules, protocols, or metric versions.
    """
    run_dir = Path(run_dir)
    if not run_dir.is_dir():
        raise FileNotFoundError(f"no folder {run_dir}; give the folder of one suite, for instance runs/mini")
    runs, refused = _read_runs(run_dir)
    gone = {run.record.supersedes for run in runs} - {None}
    live = [run for run in runs if run.sha256 not in gone]
    if not live:
        raise FileNotFoundError(_nothing_here(run_dir, refused))
    refuse_mixed(live)
    skipped = tuple(run for run in live if run.record.status == "skipped")
    entries = _entries([run for run in live if run.record.status != "skipped"])
    settings = _suite_settings(run_dir, live)
    return Board(
        folder=run_dir, entries=entries, skipped=skipped, refused=tuple(refused),
        superseded=len(runs) - len(live), facts=_facts(live), **settings,
    )  # fmt: skip


def _nothing_here(run_dir: Path, refused: list[str]) -> str:
    why = f" ({len(refused)} refused, first: {refused[0]})" if refused else ""
    return f"no readable record below {run_dir.name}{why}; `colorbench run SUITE` writes them"


def record_files(run_dir: Path) -> list[Path]:
    """`<label>/seed-<n>/record*.json` below a suite's folder, sorted; or the folder is itself one run."""
    return sorted(set(run_dir.glob("*/seed-*/record*.json")) | set(run_dir.glob("record*.json")))


def _read_runs(run_dir: Path) -> tuple[list[Run], list[str]]:
    runs, refused = [], []
    for path in record_files(run_dir):
        place = str(path.relative_to(run_dir))
        if path.is_symlink() or path.parent.is_symlink() or path.parent.parent.is_symlink():
            refused.append(f"{place}: a symbolic link; a board reads plain files only")
            continue
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            runs.append(Run(read_record(path), path.parent, digest))
        except (ValueError, OSError) as error:
            refused.append(f"{place}: {error}")
    return runs, refused


def _entries(runs: list[Run]) -> tuple[Entry, ...]:
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.record.cell.recipe.label, run.record.origin].append(run)
    return tuple(_entry(label, origin, group) for (label, origin), group in sorted(groups.items()))


def _entry(label: str, origin: str, runs: list[Run]) -> Entry:
    runs = sorted(runs, key=lambda run: run.record.cell.seed)
    seeds = [run.record.cell.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        raise MixedBoard(
            f"{label}: two live records of one seed; a correction must name the old record in `supersedes`"
        )
    recipes = {canonical_json(run.record.cell.recipe.model_dump(mode="json")) for run in runs}
    if len(recipes) > 1:
        raise MixedBoard(f"{label}: its seeds were run with different settings; give the recipes names of their own")
    submitted = origin == "submission"
    kind = "submission" if submitted else "baseline" if runs[0].record.cell.is_baseline else "trained"
    return Entry(label, kind, tuple(runs))


def refuse_mixed(runs: list[Run]) -> None:
    """Raises MixedBoard when records differ in photos, protocol (rules, budget, size ...) or a metric's version."""
    _same(runs, "photos (data hash)", lambda run: run.record.data.hash)
    _same(runs, "rules", lambda run: run.record.cell.protocol.rules)
    _same(runs, "protocol", lambda run: canonical_json(run.record.cell.protocol.model_dump(mode="json")))
    versions: dict[str, dict[str, str]] = defaultdict(dict)
    for run in runs:
        for metric, score in run.record.scores.items():
            if score.value is not None:
                versions[metric].setdefault(score.version, run.name)
    for metric, seen in versions.items():
        if len(seen) > 1:
            raise MixedBoard(f"{metric} was measured by versions {_camps(seen)}; score all of them again")


def _same(runs: list[Run], what: str, fact) -> None:
    seen: dict[str, str] = {}
    for run in runs:
        seen.setdefault(fact(run), run.name)
    if len(seen) > 1:
        raise MixedBoard(
            f"these records do not share one {what}: {_camps(seen)}; boards are built from one protocol and one set of photos"
        )


def _camps(seen: dict[str, str]) -> str:
    return " against ".join(f"{_short(value)} ({name})" for value, name in list(seen.items())[:2])


def _short(value: str) -> str:
    return value if len(value) <= 16 else value if value.startswith("{") else value[:12]


def _facts(runs: list[Run]) -> dict[str, Score]:
    facts: dict[str, Score] = {}
    for run in runs:
        for metric, score in run.record.scores.items():
            if metric not in facts or (facts[metric].value is None and score.value is not None):
                facts[metric] = score
    return facts


def _suite_settings(run_dir: Path, runs: list[Run]) -> dict:
    measured = list(dict.fromkeys(metric for run in runs for metric in run.record.scores))
    path = run_dir / "suite.json"
    if path.is_file() and not path.is_symlink():
        suite = _read_suite(path)
        known = list(suite.metrics) + [m for m in measured if m not in suite.metrics]
        return {
            "name": suite.name, "title": suite.title, "note": suite.note, "rankable": suite.rankable,
            "metrics": tuple(known), "primary": suite.primary, "pictures": suite.pictures,
        }  # fmt: skip
    if not measured:
        raise ValueError("these records carry no score, and there is no suite.json that names the metrics")
    name = runs[0].record.cell.suite
    primary = "delta-e-2000" if "delta-e-2000" in measured else measured[0]
    return {"name": name, "title": name, "note": "", "rankable": True, "metrics": tuple(measured), "primary": primary}


def _read_suite(path: Path) -> Suite:
    try:
        return Suite.model_validate(json.loads(path.read_bytes()))
    except ValueError as error:
        raise ValueError(f"{path.name} is not a suite's settings: {error}") from None
