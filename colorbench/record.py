"""Record: the facts and scores of one run. Strict schema <-> JSON; imports no torch.

A record is written once, last, atomically, and never changed; a correction is a new record that `supersedes` the
old one. Numbers are numbers; there are no host names and no paths in it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from pydantic import Field, ValidationError, field_validator

from colorbench.cell import Cell, Extended, Strict
from colorbench.files import read_file, write_run_file

if TYPE_CHECKING:
    import numpy as np

SCHEMA_VERSION = 1
Status = Literal["done", "out-of-memory", "nan", "timeout", "crash", "skipped"]
STATUSES: tuple[Status, ...] = get_args(Status)
"""`done` trained to the end of its budget. The next four are results too, scored as the gray baseline. `skipped` could not
start here (weights missing) and is tried again by the next run."""

_MAX_BYTES = 4_000_000  # a record of a real run has 10 kB; more is not a record


class GeneratorFacts(Strict):
    """What was trained. `version` is the package's that built it; `source_sha256` the hash of its source file."""

    version: str
    parameters: int = Field(ge=0)
    trainable_parameters: int = Field(ge=0)
    macs: int | None = Field(default=None, ge=0)
    source_sha256: str | None = None
    source: str = ""
    licence: str = ""
    citation: str = ""
    pretrained: str | None = None


class DataFacts(Strict):
    """Which photos. `hash` covers contents, preprocessing and split."""

    id: str
    hash: str
    split: str
    n_train: int = Field(ge=0)
    n_test: int = Field(ge=0)
    n_skipped: int = Field(default=0, ge=0)


class Spent(Strict):
    """How much of the budget was used. `model_flops` counts forward and backward of the generator; null when uncounted."""

    kind: str
    table_sha256: str | None = None
    provisional: bool = False
    steps: int = Field(ge=0)
    planned_steps: int | None = Field(default=None, ge=0)
    images: int = Field(ge=0)
    micro_batch: int | None = Field(default=None, ge=1)
    model_flops: float | None = Field(default=None, ge=0)


class Cost(Extended):
    """What it cost, over all attempts. `joules` is null, never 0, without a meter.

    `captured`: whether a GPU's steps were replayed as CUDA graphs; false when they were launched kernel by kernel, at the
    speed of the CPU beside it. Null on a CPU.
    """

    added = ("captured",)

    train_seconds: float = Field(ge=0)
    evaluation_seconds: float = Field(default=0, ge=0)
    setup_seconds: float = Field(default=0, ge=0)
    data_wait_seconds: float = Field(default=0, ge=0)
    checkpoint_seconds: float = Field(default=0, ge=0)
    joules: float | None = Field(default=None, ge=0)
    peak_bytes: int | None = Field(default=None, ge=0)
    exclusive: bool | None = None
    throttled: bool | None = None
    captured: bool | None = None


class Environment(Extended):
    """Where it ran: versions and kinds of hardware, no names of machines. `processes` is in old records only.

    `float32`: how a GPU computed it in training; scores are always IEEE's. Null on a CPU, which has no other way.
    """

    added = ("float32",)

    colorbench: str
    python: str
    torch: str
    cuda: str | None = None
    driver: str | None = None
    gpu: str | None = None
    cpu: str = ""
    threads: int | None = None
    float32: Literal["ieee", "tf32"] | None = None
    platform: str = ""
    git_commit: str | None = None
    git_dirty: bool | None = None
    deterministic: bool = False
    processes: None = None


class Attempt(Strict):
    """One attempt at the cell: from which step to which, for how long, and how it ended."""

    start_step: int = Field(ge=0)
    end_step: int = Field(ge=0)
    train_seconds: float = Field(ge=0)
    ended: str


def finite_mean(values: "np.ndarray") -> tuple[float | None, int, int]:
    """Mean (None without any) and count of the finite values, and how many are infinite (PSNR of identical pictures).

    >>> import numpy as np
    >>> finite_mean(np.array([1.0, 3.0, np.inf, np.nan]))
    (2.0, 2, 1)
    """
    import numpy as np

    finite = values[np.isfinite(values)]
    return (float(finite.mean()) if len(finite) else None), len(finite), int(np.isinf(values).sum())


class Score(Strict):
    """A metric's mean over the test photos and over the color-only ones; null with a `reason` when it could not be measured."""

    value: float | None
    n: int = Field(ge=0)
    color_only_value: float | None = None
    color_only_n: int = Field(default=0, ge=0)
    infinite: int = Field(default=0, ge=0)
    unit: str = ""
    higher_is_better: bool | None = None
    version: str = "1"
    reason: str | None = None

    @classmethod
    def over(cls, values: "np.ndarray", color_only: "np.ndarray", row, reason: str | None = None) -> "Score":
        """From one value per photo: means of the finite ones; infinite ones (identical pictures in psnr) are counted apart.

        Args:
            values: `(photos,)`.
            color_only: which photos count as color-only, `(photos,)`.
            row: the metric's row of METRICS, or anything with its `unit`, `higher_is_better` and `version`.
            reason: why the metric could not be measured.
        """
        (value, n, infinite), (color_value, color_n, _) = finite_mean(values), finite_mean(values[color_only])
        return cls(
            value=value, n=n, color_only_value=color_value, color_only_n=color_n, infinite=infinite,
            unit=row.unit, higher_is_better=row.higher_is_better, version=row.version, reason=reason,
        )  # fmt: skip


class Record(Strict):
    """What happened in one cell."""

    schema_version: Literal[1] = SCHEMA_VERSION
    key: str = Field(pattern=r"^[0-9a-f]{64}$")
    cell: Cell
    origin: Literal["harness", "submission"] = "harness"
    status: Status
    message: str = Field(default="", max_length=4000)
    generator: GeneratorFacts
    data: DataFacts
    spent: Spent
    cost: Cost
    environment: Environment
    attempts: tuple[Attempt, ...] = ()
    scores: dict[str, Score] = {}
    files: dict[str, str] = {}  # name -> sha256 of checkpoint, per-image scores, the predictions' manifest
    supersedes: str | None = None

    @field_validator("message", mode="before")
    @classmethod
    def _in_unicode(cls, message: str) -> str:
        """An error may name a file whose name is of any bytes; a record is UTF-8."""
        return message.encode("utf-8", "backslashreplace").decode() if isinstance(message, str) else message

    @field_validator("cell")
    @classmethod
    def _without_its_plan(cls, cell: Cell) -> Cell:
        """`spent` says how many steps were planned; a record equals itself after writing and reading."""
        return cell.model_copy(update={"steps": None, "provisional": False})

    def to_json(self) -> str:
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Record":
        """Raises ValueError that names each wrong field."""
        try:
            record = cls.model_validate_json(text, strict=False)
        except ValidationError as error:
            lines = [f"{'.'.join(map(str, e['loc'])) or 'record'}: {e['msg']}" for e in error.errors()[:5]]
            raise ValueError("not a colorbench record: " + "; ".join(lines)) from None
        if record.key != record.cell.key:
            raise ValueError(
                f"key {record.key[:12]} is not the key of its cell ({record.cell.key[:12]}): the record was edited"
            )
        return record


def read_record(path: Path) -> Record:
    """The record at `path`. Raises ValueError when it is too large, not JSON, or breaks the schema."""
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise ValueError(f"{path.name} has {size} bytes; a record has at most {_MAX_BYTES}")
    try:
        return Record.from_json(read_file(path))
    except (ValueError, OSError) as error:
        raise ValueError(f"{path.parent.name}/{path.name}: {error}") from None


def write_record(record: Record, path: Path) -> None:
    """Write atomically: a reader sees the old state or the whole record, also after a crash."""
    write_run_file(path, record.to_json().encode())
