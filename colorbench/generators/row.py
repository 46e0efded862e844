"""GeneratorRow: one line of the GENERATORS table. What it is, where it comes from, how to build it."""

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from torch import nn

Builder = Callable[..., nn.Module]
HEAD_CHANNELS = {"ab": 2, "luv": 2, "rgb": 3, "bins": 313}


@dataclass(frozen=True)
class GeneratorRow:
    """One generator.

    Args:
        key: kebab-case name, the same in the CLI, recipes, records and file names.
        build: `build(out_channels=2, **options) -> nn.Module`, a class or function, or its address as text,
            `"package.module:name"`, imported when first built. The module maps gray `(b, 1, h, w)` in [-1, 1] to raw
            `(b, out_channels, h', w')`; in training it may give a dict with `raw` and auxiliary outputs.
        source: paper or system.
        citation: what to cite, one line.
        head: the head it was published with; any other works as well.
        parameters: their number at the default options under `head`, frozen ones too; None if unknown.
        gmacs: billions of multiply-accumulates at 256x256, as specified; None if unknown.
        small: options of a version that a CPU trains in seconds, for checks.
        output_stride: 1, or 4 if raw comes at a quarter of the picture's size.
        licence: of the code here.
        pretrained_licence: of the weights that `pretrained=` fetches; "" if it has no such option.
        formerly: options whose default has changed, with what they were. A new cell always states them, so a cell
            recorded before, which does not, keeps its key and its network (`recorded_options`).
    """

    key: str
    build: Builder | str
    source: str = ""
    citation: str = ""
    head: str = "ab"
    parameters: int | None = None
    gmacs: float | None = None
    small: Mapping[str, Any] = field(default_factory=dict)
    output_stride: int = 1
    licence: str = "MIT"
    pretrained_licence: str = ""
    formerly: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        if self.head not in HEAD_CHANNELS:
            raise ValueError(
                f"generator {self.key}: unknown head {self.head!r}; known heads: {', '.join(HEAD_CHANNELS)}"
            )

    @property
    def out_channels(self) -> int:
        """Channels of raw under the published head."""
        return HEAD_CHANNELS[self.head]

    @property
    def builder(self) -> Builder:
        """The class or function itself."""
        if not isinstance(self.build, str):
            return self.build
        module, _, name = self.build.partition(":")
        return getattr(importlib.import_module(module), name)

    @property
    def options(self) -> dict[str, Any]:
        """The options a recipe may set, with their defaults."""
        parameters = inspect.signature(self.builder).parameters.values()
        return {
            p.name: p.default
            for p in parameters
            if p.name != "out_channels" and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        }


def as_row(key: str, value: Any) -> GeneratorRow:
    """A table row from what a plug-in gave under this key: a row, or a class or function that builds the network.

    Raises:
        ValueError: a key that is not kebab-case or not that of the row, or a value that builds nothing.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key):
        raise ValueError(f"the key {key!r} is not kebab-case; write it like 'my-model'")
    if isinstance(value, GeneratorRow):
        if value.key != key:
            raise ValueError(f"the row under {key!r} has the key {value.key!r}; give both the same key")
        return value
    if not callable(value):
        raise ValueError(
            f"{key!r} is a {type(value).__name__}; give a GeneratorRow, or a class or function that builds it"
        )
    first_line = (getattr(value, "__doc__", None) or "").strip().partition("\n")[0]
    return GeneratorRow(key, cast(Builder, value), source=first_line, licence="not stated")
