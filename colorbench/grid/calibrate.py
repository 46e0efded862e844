"""calibrate(suite): time every recipe on this device and write the step table. Stopped, the same call goes on.

Five interleaved blocks: block 1 of all recipes comes before block 2 of any, so that a device that warms up or is shared
for a while slows all of them alike. Models stay on the device between blocks while at most half of its memory is in use;
beyond that they are built and warmed up again. Each block is written when it is done, one small file per recipe,
in `FILE.parts/` beside the table; the table has every finished recipe of that folder.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from colorbench.cell import Cell, Strict, Suite
from colorbench.errors import one_line
from colorbench.files import write_atomically
from colorbench.grid.worker import switch_compiling
from colorbench.suites.budget import count_step
from colorbench.suites.expand import expand_suite
from colorbench.suites.step_table import (
    Conditions,
    Failure,
    Reference,
    StepKind,
    StepRow,
    StepTable,
    kind_of,
    write_table,
)

if TYPE_CHECKING:
    from colorbench.training.step_timer import StepTimer

BLOCKS = 5
STEPS = {"cuda": (20, 30), "cpu": (2, 3)}  # warm-up, block
_ENQUEUED = 5  # steps whose launching is timed
_CPU_ROOM_BYTES = 4 * 2**30


class Settings(Strict):
    """What a table holds fixed: parts of other settings are not mixed into it."""

    reference: Reference
    conditions: Conditions


class Part(Strict):
    """One recipe's measurement so far."""

    kind: StepKind
    blocks: tuple[float, ...] = ()
    enqueue_seconds: float | None = None
    captured: bool | None = None
    peak_bytes: int | None = None
    model_flops: int | None = Field(default=None, ge=0)
    macs: int | None = None
    activations: int | None = None
    exclusive: bool | None = None
    throttled: bool | None = None
    failure: str = ""

    @property
    def is_done(self) -> bool:
        return len(self.blocks) >= BLOCKS


@dataclass(frozen=True)
class Step:
    """Progress of a calibration: a block of a recipe was timed, or failed for this reason."""

    label: str
    done: int
    total: int
    seconds: float | None = None
    failure: str = ""


@dataclass(frozen=True)
class Calibration:
    """The table, where it was written, its failures, and how often a model had to be built again."""

    table: StepTable
    path: Path
    rebuilt: int

    def how_measured(self) -> str:
        """A sentence on how the blocks were taken."""
        kept = f"{self.rebuilt} models were built again" if self.rebuilt else "every model stayed on the device"
        return f"{BLOCKS} interleaved blocks; between them {kept}"


def calibrate(
    suite: Suite,
    *,
    out: Path | str,
    source: str | Path | None = None,
    device: str | None = None,
    warmup_steps: int | None = None,
    block_steps: int | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Calibration:
    """Time a training step of every recipe of a suite.

    Args:
        suite: its protocol is what the table holds fixed; its budget plays no part.
        out: the table's file.
        source: where the photos are, when the dataset needs one.
        device: default the first GPU, else the CPU.
        warmup_steps: before a model's first block; default 20 on a GPU, 2 on a CPU.
        block_steps: a block's length; default 30 on a GPU, 3 on a CPU.
        on_step: told after every block.

    Raises:
        KeyError: an unknown name in the suite. ValueError: unusable photos; parts of another device, version or protocol
            in `FILE.parts/`; or no recipe that could be timed.
    """
    switch_compiling(suite.protocol)
    cells = cells_to_time(suite)
    bench = _Bench(suite, cells, Path(out), source, device, warmup_steps, block_steps)
    bench.measure(on_step)
    table = bench.table()
    write_table(table, out)
    return Calibration(table, Path(out), bench.rebuilt)


def parts_folder(out: Path) -> Path:
    """Where the parts of a table in this file are kept."""
    return out.with_name(out.name + ".parts")


def cells_to_time(suite: Suite) -> list[Cell]:
    """One cell per kind of step, without baselines."""
    cells = {
        kind_of(cell.recipe, cell.protocol).id: cell
        for cell in reversed(expand_suite(suite, "0" * 64))
        if not cell.is_baseline
    }
    if not cells:
        raise ValueError(f"suite {suite.name} has no recipes to time")
    return list(reversed(cells.values()))


class _Bench:
    """Times the recipes on one device and keeps their parts on disk."""

    def __init__(
        self,
        suite: Suite,
        cells: Sequence[Cell],
        out: Path,
        source: str | Path | None,
        device: str | None,
        warmup_steps: int | None,
        block_steps: int | None,
    ):
        import torch

        from colorbench.data import load_protocol_photos
        from colorbench.grid.executors import find_devices

        self.suite, self.cells, self.folder = suite, cells, parts_folder(out)
        self.device = torch.device(find_devices(device)[0])
        usual = STEPS.get(self.device.type, STEPS["cpu"])
        self.warmup_steps = usual[0] if warmup_steps is None else warmup_steps
        self.block_steps = usual[1] if block_steps is None else block_steps
        self.timers: dict[str, StepTimer] = {}
        self.rebuilt, self.built = 0, set()
        self.parts = self._open()
        self.photos = load_protocol_photos(suite.protocol, source)

    def measure(self, on_step: Callable[[Step], None]) -> None:
        """Time all blocks that are missing."""
        total = len(self.cells) * BLOCKS
        for block in range(BLOCKS):
            for place, cell in enumerate(self.cells):
                kind = kind_of(cell.recipe, cell.protocol)
                part = self.parts[kind.id]
                if not part.failure and len(part.blocks) <= block:
                    part = self._block(cell, part)
                    self._keep(part)
                done = block * len(self.cells) + place + 1
                on_step(Step(kind.label, done, total, None if part.failure else part.blocks[block], part.failure))
        self._drop()

    def table(self) -> StepTable:
        """The table of all finished parts in the folder."""
        done = [part for part in self.parts.values() if part.is_done]
        failures = [Failure(label=part.kind.label, reason=part.failure) for part in self.parts.values() if part.failure]
        if not done:
            reasons = "; ".join(f"{failure.label}: {failure.reason}" for failure in failures[:3])
            raise ValueError(f"no recipe could be timed: {reasons}")
        failures.sort(key=lambda failure: failure.label)
        settings = self._settings()
        return StepTable(**dict(settings), rows=tuple(map(_row, done)), failures=tuple(failures))

    def _block(self, cell: Cell, part: Part) -> Part:
        """The part with one more block, or with its failure."""
        from colorbench.tensors import is_out_of_memory

        try:
            try:
                return self._timed(cell, part)
            except Exception as error:
                if not is_out_of_memory(error) or not set(self.timers) - {part.kind.id}:
                    raise
            self._drop()  # again, alone on the device
            return self._timed(cell, part)
        except Exception as error:
            reason = one_line(error)[:300]
            if is_out_of_memory(error):
                reason = f"out of memory at batch {cell.protocol.batch}: {reason}"
        self._drop()
        return part.model_copy(update={"failure": reason})

    def _timed(self, cell: Cell, part: Part) -> Part:
        timer, peak = self._timer(cell, part.kind.id)
        seconds = timer.take(self.block_steps)
        counted = count_step(cell.recipe, cell.protocol)
        facts = {
            "blocks": (*part.blocks, seconds),
            "enqueue_seconds": timer.enqueue(_ENQUEUED),
            "captured": timer.captured,
            "peak_bytes": max(filter(None, (peak, part.peak_bytes)), default=None),
            "model_flops": counted.flops,
            "macs": counted.macs,
            "activations": counted.activations,
            "exclusive": False if part.exclusive is False else timer.watch.exclusive,
            "throttled": True if part.throttled else timer.watch.throttled,
        }
        del timer  # it must not outlive the others
        if self._is_crowded():
            self._drop()
        return part.model_copy(update=facts)

    def _timer(self, cell: Cell, key: str) -> "tuple[StepTimer, int | None]":
        """The recipe's timer, warmed up; and its peak memory if it was built just now."""
        from colorbench.training.step_timer import StepTimer

        if key in self.timers:
            return self.timers[key], None
        self.rebuilt += key in self.built
        timer = StepTimer(cell, self.photos, self.device)
        self.built.add(key)
        peak = timer.warm_up(self.warmup_steps)
        self.timers[key] = timer
        return timer, peak

    def _is_crowded(self) -> bool:
        """Whether so little memory is left that the next model may not fit."""
        import torch

        from colorbench.data.loader import free_bytes

        if self.device.type == "cuda":
            total = torch.cuda.get_device_properties(self.device).total_memory
            return torch.cuda.memory_reserved(self.device) > total / 2  # a graph's memory is reserved, not allocated
        return free_bytes(self.device) < _CPU_ROOM_BYTES

    def _drop(self) -> None:
        from colorbench.training.device import free_memory

        for timer in self.timers.values():
            timer.close()
        self.timers.clear()
        free_memory()

    def _open(self) -> dict[str, Part]:
        """Read what was measured before under the same settings; failures are tried again."""
        path, settings = self.folder / "settings.json", self._settings()
        if path.exists() and (before := _read(path, Settings)) != settings:
            raise ValueError(
                f"{self.folder} holds times {_difference(before, settings)}: choose another --out, or remove that folder"
            )
        write_atomically(path, settings.model_dump_json(indent=1).encode())
        kept = [_read(file, Part) for file in sorted(self.folder.glob("row-*.json"))]
        parts = {part.kind.id: part for part in kept if not part.failure}
        for cell in self.cells:
            kind = kind_of(cell.recipe, cell.protocol)
            parts.setdefault(kind.id, Part(kind=kind))
        return parts

    def _keep(self, part: Part) -> None:
        self.parts[part.kind.id] = part
        content = part.model_dump_json(indent=1).encode()
        write_atomically(self.folder / f"row-{part.kind.id}.json", content)

    def _settings(self) -> Settings:
        from colorbench.training.device import describe_environment

        here, cuda = describe_environment(self.device), self.device.type == "cuda"
        reference = Reference(
            device=here.gpu or here.cpu,
            torch=here.torch,
            cuda=here.cuda,
            driver=here.driver,
            colorbench=here.colorbench,
            host=here.cpu if cuda else None,
            threads=None if cuda else here.threads,
            warmup_steps=self.warmup_steps,
            block_steps=self.block_steps,
        )
        return Settings(reference=reference, conditions=Conditions.of(self.suite.protocol))


def _row(part: Part) -> StepRow:
    facts = part.model_dump(exclude={"kind", "failure"})
    return StepRow(**part.kind.model_dump(), **facts, seconds=median(part.blocks))


def _read(path: Path, kind: type):
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError:
        raise ValueError(f"{path.parent.name}/{path.name} is damaged: remove it, and it is timed again") from None


def _difference(before: Settings, now: Settings) -> str:
    """The settings that differ, for a message."""
    then, here = (dict(each.reference) | dict(each.conditions) for each in (before, now))
    parts = [f"{name} {then[name]} (now {here[name]})" for name in here if then[name] != here[name]]
    return f"taken with {', '.join(parts)}"
