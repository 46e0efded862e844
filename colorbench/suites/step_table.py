"""The step table: seconds per training step on one named reference device, frozen. Its sha256 is its name.

A suite with a `reference-seconds` budget names a table in `protocol.table_sha256`; every cell then trains for
floor(budget / seconds per step) steps, on any machine. Shipped tables lie beside this module, like the suites; a run keeps its
own beside its cells.
"""

import math
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from colorbench.cell import Budget, Extended, Protocol, Recipe, Strict, Value, canonical_json
from colorbench.errors import mistyped
from colorbench.files import bytes_sha256, write_atomically

HOST_BOUND = 0.9
"""A step whose launching takes at least this share of it is bound by the host."""

_MAX_BYTES = 20_000_000


class Conditions(Strict):
    """What a table holds fixed: a protocol that differs in one of these cannot use it."""

    size_px: int = Field(ge=16, le=4096)
    batch: int = Field(ge=1)
    precision: Literal["fp32", "bf16"]
    channels_last: bool
    compile: bool

    @classmethod
    def of(cls, protocol: Protocol) -> "Conditions":
        return cls(**{name: getattr(protocol, name) for name in cls.model_fields})

    def __str__(self) -> str:
        words = ["channels last" if self.channels_last else "contiguous", "compiled" if self.compile else "eager"]
        return f"{self.size_px} px, batch {self.batch}, {self.precision}, {', '.join(words)}"


class Reference(Extended):
    """Where a table was measured, and how: kinds of hardware and versions, no names of machines. `host` is the CPU beside a
    GPU."""

    added = ("host",)

    device: str
    host: str | None = None
    torch: str
    cuda: str | None = None
    driver: str | None = None
    colorbench: str
    threads: int | None = None
    warmup_steps: int = Field(ge=0)
    block_steps: int = Field(ge=1)


class StepKind(Extended):
    """What decides how long a training step takes: names and numbers. `options` are all of the generator's, `size_px` is the
    side at which it works.

    Optimizer settings other than the moving average are not told apart, nor are phases: a step is timed in its joint,
    full-size phase, the most expensive.
    """

    generator: str
    options: dict[str, Value] = {}
    loss: str
    head: str
    size_px: int = Field(ge=16, le=4096)
    averaged: bool = False

    @property
    def id(self) -> str:
        """16 hex digits that name it in tables and files."""
        facts = self.model_dump(mode="json", include=set(StepKind.model_fields))
        return bytes_sha256(canonical_json(facts).encode())[:16]

    @property
    def label(self) -> str:
        """A short name to print.

        >>> StepKind(generator="unet", loss="l1", head="ab", size_px=64).label
        'unet+l1 (ab, 64 px)'
        """
        return f"{self.generator}+{self.loss.replace(' ', '')} ({self.head}, {self.size_px} px)"


class StepRow(StepKind):
    """The measured cost of one kind of step.

    `seconds` is the median of `blocks`, the mean seconds per step of each block. `enqueue_seconds` is what the host needs to
    launch a step, as one CUDA graph when `captured`, else kernel by kernel. These two, `peak_bytes`, `exclusive` and
    `throttled` are null where nothing measures them (CPU). `model_flops` (forward and backward of one step), `macs` (of
    one picture) and `activations` are null when they cannot be counted.
    """

    added = ("enqueue_seconds", "captured")

    seconds: float = Field(gt=0)
    blocks: tuple[float, ...] = Field(min_length=1)
    enqueue_seconds: float | None = Field(default=None, ge=0)
    captured: bool | None = None
    peak_bytes: int | None = Field(default=None, ge=0)
    model_flops: int | None = Field(default=None, ge=0)
    macs: int | None = Field(default=None, ge=0)
    activations: int | None = Field(default=None, ge=0)
    exclusive: bool | None = None
    throttled: bool | None = None

    @property
    def is_host_bound(self) -> bool:
        """Whether the step takes as long as its launching: such a row measures the CPU beside the GPU."""
        return self.enqueue_seconds is not None and self.enqueue_seconds > HOST_BOUND * self.seconds


class Failure(Strict):
    """A kind of step that failed on the reference."""

    label: str
    reason: str


class StepTable(Strict):
    """Measured rows, in one order whatever the order of measuring."""

    version: Literal[1] = 1
    reference: Reference
    conditions: Conditions
    rows: tuple[StepRow, ...]
    failures: tuple[Failure, ...] = ()

    @field_validator("rows")
    @classmethod
    def _sorted_and_single(cls, rows: tuple[StepRow, ...]) -> tuple[StepRow, ...]:
        ids = [row.id for row in rows]
        if twice := sorted({row.label for row in rows if ids.count(row.id) > 1}):
            raise ValueError(f"two rows for {', '.join(twice)}")
        return tuple(sorted(rows, key=lambda row: (row.label, row.id)))

    @property
    def sha256(self) -> str:
        """The table's name: of its canonical JSON, whatever the layout of its file."""
        return bytes_sha256(canonical_json(self.model_dump(mode="json")).encode())

    def find(self, kind: StepKind) -> StepRow | None:
        """The row of this kind of step; None when it was not measured. Options that the generator got later, at their
        defaults, change nothing."""
        name, alike = kind.id, (row for row in self.rows if (row.generator, row.loss) == (kind.generator, kind.loss))
        exact = next((row for row in alike if row.id == name), None)
        return exact or next((row for row in self.rows if _is_older(row, kind)), None)

    def fits(self, protocol: Protocol) -> bool:
        """Whether it was measured under the conditions of this protocol."""
        return Conditions.of(protocol) == self.conditions

    def check(self, protocol: Protocol) -> None:
        """Raises ValueError when the table was measured under other conditions, or is not the one the suite names."""
        if not self.fits(protocol):
            raise ValueError(
                f"step table {self.sha256[:12]} was measured at {self.conditions}; the suite needs {Conditions.of(protocol)}: "
                "calibrate the suite as it is (colorbench calibrate), or run it at the table's settings"
            )
        if protocol.table_sha256 not in (None, self.sha256):
            raise ValueError(
                f"wrong step table: the suite names {protocol.table_sha256[:12]}, this one is {self.sha256[:12]}; "
                "give the file that the suite names"
            )


def _is_older(row: StepKind, kind: StepKind) -> bool:
    """Whether the row is of this kind, measured before the generator had some of its options, which are at their defaults."""
    from colorbench.generators.build import find_row

    facts = ("generator", "loss", "head", "size_px", "averaged")
    if (
        any(getattr(row, name) != getattr(kind, name) for name in facts)
        or not row.options.items() <= kind.options.items()
    ):
        return False
    defaults = find_row(kind.generator).options
    newer = kind.options.keys() - row.options.keys()
    return all(name in defaults and kind.options[name] == defaults[name] for name in newer)


def kind_of(recipe: Recipe, protocol: Protocol) -> StepKind:
    """The kind of step that a recipe takes under a protocol, every default filled in.

    Raises:
        KeyError: an unknown generator or loss.
    """
    from colorbench.generators.build import find_row, recorded_options
    from colorbench.losses import LOSSES
    from colorbench.losses.expression import canonical, parse

    stated = recorded_options(recipe.generator, recipe.options)
    options: dict[str, Any] = {**find_row(recipe.generator).options, **stated}
    return StepKind(
        generator=recipe.generator,
        options=options,
        loss=canonical(parse(recipe.loss, LOSSES)),
        head=head_of(recipe),
        size_px=recipe.size_px or protocol.size_px,
        averaged=recipe.optimizer.ema is not None,
    )


def head_of(recipe: Recipe) -> str:
    """The head that a recipe trains under: its own, else what the loss needs, else the one the generator was published with.

    Builds no loss, so needs no weights.

    Raises:
        KeyError: an unknown generator or loss.
        ValueError: the loss needs another head than the recipe states.
    """
    from colorbench.generators.build import find_row
    from colorbench.losses import LOSSES
    from colorbench.losses.expression import parse

    rows = (LOSSES[term.key] for term in parse(recipe.loss, LOSSES))
    needed = next((row.needs_head for row in rows if row.needs_head), None)
    if recipe.head == "auto":
        return needed or find_row(recipe.generator).head
    if needed and recipe.head != needed:
        raise ValueError(
            f"the loss {recipe.loss!r} needs the head {needed!r}, the recipe says {recipe.head!r}: use {needed!r}"
        )
    return recipe.head


def steps_in(budget: Budget, seconds_per_step: float) -> int:
    """Whole steps that a budget in reference-seconds holds.

    >>> steps_in(Budget.parse("8rs"), 0.03)
    266
    """
    steps = math.floor(budget.amount / seconds_per_step)
    if steps < 1:
        raise ValueError(
            f"one step takes {seconds_per_step:.3g} s on the reference: a budget of {budget} does not hold one; raise it"
        )
    return steps


def read_table(path: Path | str) -> StepTable:
    """The step table in a file.

    Raises:
        ValueError: no such file, or not a step table; says where it breaks.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(
            f"there is no step table {path}; `colorbench calibrate SUITE --out {path.name}` makes one{mistyped(path)}"
        )
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path.name} has more than {_MAX_BYTES} bytes: that is not a step table")
    try:
        return StepTable.model_validate_json(path.read_bytes())
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'table'}: {e['msg']}" for e in error.errors()[:3]]
        raise ValueError(f"{path.name} is not a step table: {'; '.join(lines)}") from None


def write_table(table: StepTable, path: Path | str) -> None:
    """Write atomically."""
    write_atomically(Path(path), (table.model_dump_json(indent=1) + "\n").encode())


def name_of_table(sha256: str) -> str:
    """What pages and messages call the table with this hash: a shipped one by its GPU, others local."""
    shipped = find_table(sha256)
    return f"the step table of {shipped.reference.device}" if shipped else f"a local step table ({sha256[:12]})"


def find_table(sha256: str, *folders: Path) -> StepTable | None:
    """The table of this name among the JSON files of these folders and the shipped ones; None when it is not there."""
    for folder in folders:
        if table := _tables_in(folder).get(sha256):
            return table
    return _shipped_tables().get(sha256)


@cache
def _shipped_tables() -> dict[str, StepTable]:
    """Those beside this module, by name; read once, because a page asks for every run."""
    return _tables_in(Path(__file__).parent)


def _tables_in(folder: Path) -> dict[str, StepTable]:
    found = {}
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            table = read_table(path)
        except ValueError:  # other JSON files lie there too
            continue
        found.setdefault(table.sha256, table)
    return found
