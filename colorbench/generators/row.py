"""GeneratorRow: one line of the GENERATORS table. What it is, where it comes from, how to build it."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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
        parameters: their number at the default options under `head`, frozen ones too; None when unknown.
        gmacs: billions of multiply-accumulates at 256x256, as specified; None when unknown.
        small: options of a version that a CPU trains in a blink, for tests.
        output_stride: 1, or 4 when raw comes at a quarter of the picture's size.
        licence: of the code here.
        pretrained_licence: of the weights that `pretrained=` fetches; "" when it has no such option.
    """

    key: str
    build: Builder | str
    source: str = ""
    citation: str = ""
    head: str = "ab"
    parameters: int | None = None
    gmacs: float | None = None
    small: Mapping[str, object] = field(default_factory=dict)
    output_stride: int = 1
    licence: str = "MIT"
    pretrained_licence: str = ""

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
    def needs_head(self) -> str | None:
        """Every generator works under every head."""
        return None

    @property
    def builder(self) -> Builder:
        """The class or function itself."""
        if not isinstance(self.build, str):
            return self.build
        module, _, name = self.build.partition(":")
        return getattr(importlib.import_module(module), name)

    @property
    def options(self) -> dict[str, object]:
        """The options a recipe may set, with their defaults."""
        parameters = inspect.signature(self.builder).parameters.values()
        return {
            p.name: p.default
            for p in parameters
            if p.name != "out_channels" and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        }

    @property
    def pretrained_options(self) -> tuple[str, ...]:
        """What `pretrained=` may say."""
        return ("imagenet",) if "pretrained" in self.options else ()
