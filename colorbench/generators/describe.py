"""`describe(key, **options)`: what a generator costs and where it comes from, counted without building its weights."""

import hashlib
import inspect
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from colorbench.generators.build import build_row, find_row
from colorbench.generators.row import GeneratorRow

COUNTED_PX = 256


@dataclass(frozen=True)
class Description:
    """One generator's facts. `macs`: multiply-accumulates of one 256x256 picture; None when they cannot be counted."""

    key: str
    options: dict[str, object]
    head: str
    parameters: int
    trainable_parameters: int
    macs: int | None
    source: str
    citation: str
    licence: str
    pretrained: str | None
    pretrained_licence: str
    source_sha256: str | None

    @property
    def gmacs(self) -> float | None:
        """Billions of multiply-accumulates."""
        return None if self.macs is None else self.macs / 1e9


def describe(key: str, out_channels: int | None = None, **options) -> Description:
    """Facts of the generator `key` with these options, counted on a meta copy: no memory, no weights fetched.

    Args:
        key: of the GENERATORS table.
        out_channels: default: those of the published head.
        options: as for `build_generator`.

    >>> describe("linknet").parameters
    11657538
    """
    return describe_row(find_row(key), out_channels, **options)


def describe_row(row: GeneratorRow, out_channels: int | None = None, **options) -> Description:
    """The same for a row that need not be in the table."""
    channels = out_channels or row.out_channels
    with torch.device("meta"):
        network = build_row(row, channels, **options)
    counted = list(network.parameters())
    pretrained = getattr(network, "pretrained", None)
    return Description(
        key=row.key,
        options={**row.options, **options},
        head=row.head,
        parameters=sum(p.numel() for p in counted),
        trainable_parameters=sum(p.numel() for p in counted if p.requires_grad),
        macs=count_macs(network),
        source=row.source,
        citation=row.citation,
        licence=row.licence,
        pretrained=pretrained,
        pretrained_licence=row.pretrained_licence if pretrained else "",
        source_sha256=source_sha256(row),
    )


def count_macs(network: nn.Module, size_px: int = COUNTED_PX) -> int | None:
    """Multiply-accumulates of one picture, by torch's FLOP counter. The network must be on the meta device, and is spent.

    Pooling, norms and enlargements count 0, as everywhere. None when the network cannot run without real values.
    """
    from torch.utils.flop_counter import FlopCounterMode

    network.eval().requires_grad_(False)
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.device("meta"):
            network(torch.zeros(1, 1, size_px, size_px))
    except (RuntimeError, NotImplementedError, ValueError):
        return None
    return counter.get_total_flops() // 2


def source_sha256(row: GeneratorRow) -> str | None:
    """sha256 of the file that defines the builder, for records; None when there is no such file."""
    try:
        file = inspect.getsourcefile(inspect.unwrap(row.builder))
    except TypeError:
        return None
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file and Path(file).is_file() else None
