"""A job: what a worker process needs to run one cell, as a file in the cell's folder. Workers share nothing else."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from colorbench.cell import Cell
from colorbench.files import write_atomically

JOB_NAME = "job.json"


@dataclass(frozen=True)
class Job:
    """One cell to run. `folder` is where; the rest is written into it. `fail` records a failure instead of training."""

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
    fail: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        return f"{self.cell.recipe.label} seed {self.cell.seed}"

    def write(self) -> None:
        plan = {"steps": self.cell.steps, "provisional": self.cell.provisional}  # not written with a cell
        facts = asdict(self) | {"cell": self.cell.model_dump(mode="json")} | plan
        facts.pop("folder")
        write_atomically(self.folder / JOB_NAME, json.dumps(facts, indent=1).encode(), durable=False)


def read_job(folder: Path) -> Job:
    """The job in a cell's folder."""
    facts = json.loads((folder / JOB_NAME).read_text())
    for name in ("metrics", "plugins"):
        facts[name] = tuple(facts[name])
    fail = tuple(facts.pop("fail")) if facts["fail"] else facts.pop("fail")
    plan = {name: facts.pop(name) for name in ("steps", "provisional")}
    return Job(folder=folder, fail=fail, **facts | {"cell": Cell.model_validate(facts["cell"] | plan)})
