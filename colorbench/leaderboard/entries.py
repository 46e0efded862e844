"""Records of one run folder -> a Board: entries (one recipe over its seeds), what was skipped, what was refused.

A record file that another one in its folder `supersedes` (by the sha256 of its bytes) is left out. Records of different
photos, rules, protocols or metric versions never share a board: `MixedBoard` names the two camps.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from colorbench.cell import Suite, canonical_json
from colorbench.errors import mistyped
from colorbench.files import CURVE, SCORES, SUITE, escape_controls, file_sha256, printable, read_file
from colorbench.leaderboard.untrusted import Refused, plain_file, read_curve, read_scores
from colorbench.record import Record, Score, read_record

SUBMISSIONS = "submissions"
"""Folder of submitted entries, apart from the cells, so that no name of theirs can be the folder of a cell."""
_SUITE_CURE = "delete it, and `colorbench run` or `export` writes it again"

Kind = Literal["trained", "baseline", "submission"]


class MixedBoard(ValueError):
    """Records that do not belong in one table; the message names the difference and two of the records."""


@dataclass(frozen=True)
class Run:
    """One record and the folder it lies in."""

    record: Record
    folder: Path
    sha256: str

    @cached_property
    def scores(self):
        """Scores of every photo, a DataFrame indexed by photo, or None where there is no scores.parquet."""
        path = self.folder / SCORES
        return read_scores(path) if plain_file(path) else None

    @cached_property
    def curve(self) -> list[dict]:
        """The lines of curve.jsonl, oldest first; empty where there is none, or a damaged one, which `check` reports."""
        with suppress(Refused):
            return self.checked_curve()
        return []

    def checked_curve(self) -> list[dict]:
        """The same. Raises Refused where the file is damaged."""
        path = self.folder / CURVE
        return read_curve(path) if plain_file(path) else []

    def photo_score(self, metric: str, photo: str) -> float | None:
        """The metric's value of one photo; None where the table has none."""
        table = self.scores
        if table is None or photo not in table.index or metric not in table.columns:
            return None
        return float(table.at[photo, metric])

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
        """The metric's mean over the photos, one value per seed; NaN where it could not be measured."""
        scores = (run.record.scores.get(metric) for run in self.runs)
        picked = (s and (s.color_only_value if color_only else s.value) for s in scores)
        return np.array([np.nan if value is None else value for value in picked], dtype=float)

    def photo_means(self, metric: str, photos: tuple[str, ...]) -> Float[np.ndarray, "p"] | None:
        """Values of every photo, averaged over the seeds, in the order of `photos`; None without tables of scores.

        A photo without a finite value (PSNR of an identical picture) takes the mean of the others.
        """
        tables = [run.scores for run in self.runs]
        whole = [
            t for t in tables if t is not None and metric in t.columns and t.index.isin(photos).sum() == len(photos)
        ]
        columns = [t[metric].reindex(photos).to_numpy(float) for t in whole]
        if not columns or len(columns) < len(self.runs):
            return None
        values = np.stack(columns)
        finite = np.isfinite(values)
        if not finite.any():
            return None
        return np.where(finite, values, values[finite].mean()).mean(axis=0)


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
    pictures: bool = True
    recipes: tuple[str, ...] = ()
    facts: dict[str, Score] = field(default_factory=dict)

    @property
    def runs(self) -> list[Run]:
        return [run for entry in self.entries for run in entry.runs]

    @property
    def record(self) -> Record:
        """One of the records, for what all of them share: protocol and photos."""
        return (self.runs or self.skipped)[0].record

    @property
    def ranked(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind == "trained"]

    @cached_property
    def photo_table(self):
        """The table of scores whose photos are the board's: those of most runs of the harness. None without tables."""
        found = [(run.record.origin, run.scores) for run in self.runs if run.scores is not None]
        tables = [table for origin, table in found if origin == "harness"] or [table for _, table in found]
        names = [tuple(sorted(table.index)) for table in tables]
        return tables[names.index(Counter(names).most_common(1)[0][0])] if tables else None

    @cached_property
    def photos(self) -> tuple[str, ...]:
        """Test photos with scores of their own, sorted; empty for a folder of records alone."""
        return () if self.photo_table is None else tuple(sorted(self.photo_table.index))

    @property
    def labels(self) -> set[str]:
        """Names that are taken: of entries, and of the suite's recipes, run or not."""
        return (
            {entry.label for entry in self.entries}
            | {run.record.cell.recipe.label for run in self.skipped}
            | set(self.recipes)
        )

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


def read_board(run_dir: Path) -> Board:
    """All records under `run_dir`, checked to belong together.

    Raises:
        FileNotFoundError: no folder, or no record in it.
        MixedBoard: records of different photos, rules, protocols, or metric versions.
    """
    run_dir = Path(run_dir)
    if not run_dir.is_dir():
        raise FileNotFoundError(
            f"no folder {run_dir}; give the folder of one suite, for instance runs/mini{mistyped(run_dir)}"
        )
    runs, refused = _read_runs(run_dir)
    gone = {(run.folder, run.record.supersedes) for run in runs}
    live = [run for run in runs if (run.folder, run.sha256) not in gone]
    if not live:
        raise FileNotFoundError(_nothing_here(run_dir, refused))
    refuse_mixed(live)
    skipped = tuple(run for run in live if run.record.status == "skipped")
    entries = _entries([run for run in live if run.record.status != "skipped"])
    settings = _suite_settings(run_dir, live)
    return Board(
        folder=run_dir, entries=entries, skipped=skipped, refused=tuple(refused),
        facts=_facts(live), **settings,
    )  # fmt: skip


def _nothing_here(run_dir: Path, refused: list[str]) -> str:
    why = f" ({len(refused)} refused, first: {refused[0]})" if refused else ""
    return f"no readable record below {run_dir.name}{why}; `colorbench run SUITE` writes them"


def record_files(run_dir: Path) -> list[Path]:
    """`<label>/seed-<n>/record*.json` below a suite's folder and its `submissions`, sorted; or the folder is one run."""
    patterns = ("*/seed-*/record*.json", f"{SUBMISSIONS}/*/seed-*/record*.json", "record*.json")
    return sorted({path for pattern in patterns for path in run_dir.glob(pattern)})


def label_of(place: str) -> str:
    """The entry that a file belongs to, from its path below the suite's folder; "" for files of the suite itself.

    >>> label_of("unet+l1/seed-0/record.json"), label_of("submissions/mine/seed-0/record.json"), label_of("suite.json")
    ('unet+l1', 'mine', '')
    """
    parts = place.split("/")
    at = 1 if parts[0] == SUBMISSIONS and len(parts) > 3 else 0
    return parts[at] if len(parts) > 1 else ""


def _read_runs(run_dir: Path) -> tuple[list[Run], list[str]]:
    runs, refused = [], []
    for path in record_files(run_dir):
        place = str(path.relative_to(run_dir))
        if any((run_dir / part).is_symlink() for part in [Path(place), *Path(place).parents]):
            refused.append(f"{printable(place)}: a symbolic link; a board reads plain files only")
            continue
        try:
            digest = file_sha256(path)
            run = Run(read_record(path), path.parent, digest)
            _ = run.scores  # a damaged table costs the board this run, and no other
            runs.append(run)
        except (ValueError, OSError) as error:
            refused.append(f"{printable(place)}: {escape_controls(str(error))}")
    return runs, refused


def color_only_of(table) -> np.ndarray:
    """Which photos of a table of scores count as color-only; all where it does not say."""
    if "color_only" not in table.columns:
        return np.ones(len(table), dtype=bool)
    return table["color_only"].to_numpy(bool)


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
            f"{label}: two current records of one seed; a correction must name the old record in `supersedes`"
        )
    recipes = {canonical_json(run.record.cell.recipe.model_dump(mode="json")) for run in runs}
    if len(recipes) > 1:
        raise MixedBoard(f"{label}: its seeds were run with different settings; give the recipes names of their own")
    outside = origin == "submission" or any(_from_official(run) for run in runs)
    kind = "submission" if outside else "baseline" if runs[0].record.cell.is_baseline else "trained"
    return Entry(label, kind, tuple(runs))


def _from_official(run: Run) -> bool:
    """Whether it started from a published colorizer (`pretrained="official"`), whose training no budget counts."""
    return (run.record.generator.pretrained or "").endswith(" official")


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
    path = run_dir / SUITE
    if path.is_file() and not path.is_symlink():
        suite = _read_suite(path)
        known = list(suite.metrics) + [m for m in measured if m not in suite.metrics]
        return {
            "name": suite.name, "title": suite.title, "note": suite.note, "rankable": suite.rankable,
            "metrics": tuple(known), "primary": suite.primary, "pictures": suite.pictures,
            "recipes": (*suite.baselines, *(recipe.label for recipe in suite.recipes)),
        }  # fmt: skip
    if not measured:
        raise ValueError("these records carry no score, and there is no suite.json that names the metrics")
    name = runs[0].record.cell.suite
    primary = "delta-e-2000" if "delta-e-2000" in measured else measured[0]
    return {"name": name, "title": name, "note": "", "rankable": True, "metrics": tuple(measured), "primary": primary}


def _read_suite(path: Path) -> Suite:
    try:
        return Suite.model_validate(json.loads(read_file(path)))
    except (ValueError, RecursionError) as error:  # pydantic's errors are ValueErrors of many lines
        first = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise ValueError(f"{path.parent.name}/{path.name} is damaged ({first}): {_SUITE_CURE}") from None


def short_names(entries: Sequence[Entry]) -> dict[str, str]:
    """Label -> name for plots and narrow tables: without head, generator or loss where all trained entries share it."""
    trained = [entry for entry in entries if entry.kind == "trained"]
    labels = {entry.label: entry.label for entry in entries}
    if len(trained) < 2:
        return labels
    heads = {entry.recipe.head for entry in trained}
    names = [entry.label.removesuffix(f"+{entry.recipe.head}") if len(heads) == 1 else entry.label for entry in trained]
    generators, _, losses = zip(*(name.partition("+") for name in names))
    if "" not in losses and len(set(generators)) == 1:
        names = losses
    elif "" not in losses and len(set(losses)) == 1:
        names = generators
    short = labels | {entry.label: name for entry, name in zip(trained, names)}
    return short if len(set(short.values())) == len(short) else labels
