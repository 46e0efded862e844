"""`build_generator(key, out_channels, **options)`: a fresh network of the table, its options checked."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from colorbench.errors import did_you_mean, unknown_name
from colorbench.generators.row import GeneratorRow
from colorbench.generators.table import GENERATORS


def find_row(key: str) -> GeneratorRow:
    """The row of this key.

    Raises:
        KeyError: unknown key; lists the known ones.
    """
    if key not in GENERATORS:
        raise unknown_name("generator", key, GENERATORS)
    return GENERATORS[key]


def build_generator(key: str, out_channels: int = 2, **options) -> nn.Module:
    """A fresh generator: gray `(b, 1, h, w)` in [-1, 1] -> raw `(b, out_channels, h', w')`.

    Args:
        key: of the GENERATORS table.
        out_channels: what the head asks for: 2 (ab, luv), 3 (rgb) or 313 (bins).
        options: plain ints and names; `GENERATORS[key].options` has them with their defaults.

    Raises:
        KeyError: unknown generator or option; lists the known ones.
        ValueError: an option of the wrong kind, or a value the network cannot have.
        WeightsMissing: `pretrained=` was asked for and the weights are unavailable.

    >>> sum(p.numel() for p in build_generator("unet", width=4, depth=2).parameters())
    8386
    """
    return build_row(find_row(key), out_channels, **options)


def planned_options(key: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """What a new cell states: these options, and those whose default has changed once, at their default."""
    row = find_row(key)
    return {**{name: row.options[name] for name in row.formerly}, **options}


def recorded_options(key: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """What the options of a cell mean: an option it does not state and whose default has changed has its former value."""
    return {**find_row(key).formerly, **options}


def build_row(row: GeneratorRow, out_channels: int = 2, **options) -> nn.Module:
    """The same from a row that need not be in the table."""
    if not isinstance(out_channels, int) or out_channels < 1:
        raise ValueError(f"out_channels is {out_channels!r}; give the head's number of channels: 2, 3 or 313")
    known = row.options
    for name, value in options.items():
        if name not in known:
            listed = ", ".join(f"{option}={default!r}" for option, default in known.items()) or "none"
            raise KeyError(
                f"generator {row.key} has no option {name!r}; its options: {listed}{did_you_mean(name, known)}"
            )
        _check_kind(row.key, name, value, known[name])
    return row.builder(out_channels=out_channels, **options)


def _check_kind(key: str, name: str, value: object, default: object) -> None:
    """An option is of the kind of its default; ints are at least 1. A default of None takes what the builder takes."""
    kinds = (int, float) if isinstance(default, float) else type(default)
    wrong = default is not None and (
        not isinstance(value, kinds) or isinstance(value, bool) != isinstance(default, bool)
    )
    if wrong:
        raise ValueError(
            f"generator {key}: {name}={value!r} should be {type(default).__name__}, like its default {default!r}"
        )
    if isinstance(value, int) and not isinstance(value, bool) and value < 1:
        raise ValueError(f"generator {key}: {name}={value!r} must be at least 1")
