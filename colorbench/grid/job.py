"""A job: what a worker process needs to run one cell, as a file in the cell's folder. Workers share nothing else."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from colorbench.cell import Cell
from colorbench.files import JOB, write_atomically
from colorbench.record import Status


@dataclass(frozen=True)
class Retest:
    """What a retest needs beside its cell.

    Attributes:
        trained: folder of the trained cell, with its record and checkpoint.
        about: a remark for the record.
        mean_ab: mean color of the photos that were trained on, which some baselines ask for.
    """

    trained: str
    about: str
    mean_ab: tuple[float, float] | None = None


@dataclass(frozen=True)
class Job:
    """One cell to run. `folder` is where; the rest is written into it.

    `rescore` scores the stored predictions of a finished cell again, `retest` tests a finished generator on other photos,
    `fail` (status and message) records a failure: none of these trains.
    """

    folder: Path
    cell: Cell
    metrics: tuple[str, ...]
    source: str | None = None
    device: str | None = None
    threads: int | None = None
    timeout_seconds: float | None = None
    checkpoint_seconds: float = 20.0
    plugins: tuple[str, ...] = ()
    rescore: bool = False
    retest: Retest | None = None
    fail: tuple[Status, str] | None = None

    @property
    def name(self) -> str:
        return f"{self.cell.recipe.label} seed {self.cell.seed}"

    @property
    def trains(self) -> bool:
        """Whether there is no record yet, so that a failure becomes a result."""
        return not self.rescore and self.retest is None and self.fail is None

    def write(self) -> None:
        plan = {"steps": self.cell.steps, "provisional": self.cell.provisional}  # not written with a cell
        facts = asdict(self) | {"cell": self.cell.model_dump(mode="json")} | plan
        facts.pop("folder")
        write_atomically(self.folder / JOB, json.dumps(facts, indent=1).encode(), durable=False)


def read_job(folder: Path) -> Job:
    """The job in a cell's folder."""
    facts = json.loads((folder / JOB).read_text())
    for name in ("metrics", "plugins"):
        facts[name] = tuple(facts[name])
    if facts["fail"]:
        facts["fail"] = tuple(facts["fail"])
    if facts["retest"]:
        mean_ab = facts["retest"]["mean_ab"]
        facts["retest"] = Retest(**facts["retest"] | {"mean_ab": mean_ab and tuple(mean_ab)})
    plan = {name: facts.pop(name) for name in ("steps", "provisional")}
    return Job(folder=folder, **facts | {"cell": Cell.model_validate(facts["cell"] | plan)})
