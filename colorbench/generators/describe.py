"""`describe(key, **options)`: what a generator costs and where it comes from, counted without building its weights."""

import hashlib
import inspect
from dataclasses import dataclass
from pathlib import Path

import torch

from colorbench.generators.build import build_row, find_row
from colorbench.generators.flops import forward_macs
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
        macs=_macs(network),
        source=row.source,
        citation=row.citation,
        licence=row.licence,
        pretrained=pretrained,
        pretrained_licence=row.pretrained_licence if pretrained else "",
        source_sha256=source_sha256(row),
    )


def _macs(network: torch.nn.Module) -> int | None:
    try:
        return forward_macs(network, COUNTED_PX)
    except (RuntimeError, NotImplementedError, ValueError):  # it needs real values
        return None


def source_sha256(row: GeneratorRow) -> str | None:
    """sha256 of the file that defines the builder, for records; None when there is no such file."""
    try:
        file = inspect.getsourcefile(inspect.unwrap(row.builder))
    except TypeError:
        return None
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file and Path(file).is_file() else None
