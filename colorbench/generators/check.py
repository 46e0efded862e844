"""`check_generator(what)`: does a generator keep the promises of the table? One named result per promise.

The tests ask the same of every built-in generator, and `colorbench check FILE` of anybody's. Order of this file: who is
asked, how a promise is asked, the promises of a row, those of a network.
"""

import inspect
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from colorbench.generators.build import build_row
from colorbench.generators.row import GeneratorRow, as_row

SIZE_PX, ODD_PX = 64, (37, 51)


@dataclass(frozen=True)
class CheckResult:
    """One promise: whose, which, kept or not, and if not, what was seen and what to do."""

    generator: str
    promise: str
    passed: bool
    message: str = ""

    @property
    def name(self) -> str:
        """`my-model: odd sizes`."""
        return f"{self.generator}: {self.promise}"


class BrokenPromise(Exception):
    """What a check saw; its text is the message."""


def check_generator(what: GeneratorRow | Callable[..., nn.Module] | nn.Module) -> list[CheckResult]:
    """Results for a row, a builder, or a ready module.

    A ready module cannot be asked for other heads' channels; everything else is checked. Rows are checked with their
    `small` options, if they have any, so a row should name some.
    """
    if isinstance(what, nn.Module):
        return _check(type(what).__name__, lambda: what, MODULE_PROMISES)
    row = what if isinstance(what, GeneratorRow) else as_row(_kebab(getattr(what, "__name__", "generator")), what)
    results = _check(row.key, lambda: row, ROW_PROMISES)
    if not all(result.passed for result in results):
        return results
    return results + _check(row.key, lambda: build_row(row, **row.small), MODULE_PROMISES)


def _kebab(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()).strip("-")


def _check(name: str, make: Callable[[], object], promises: Mapping[str, Callable]) -> list[CheckResult]:
    results = []
    for promise, keep in promises.items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            results.append(ask(name, promise, lambda keep=keep: keep(make())))
    return results


def ask(name: str, promise: str, question: Callable[[], object]) -> CheckResult:
    """What a check found: it raises BrokenPromise, or whatever the code that it calls raises, or nothing."""
    try:
        question()
    except BrokenPromise as finding:
        return CheckResult(name, promise, False, str(finding))
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return CheckResult(name, promise, False, f"{type(error).__name__} at {where}: {error}")
    return CheckResult(name, promise, True)


def _size_of(outputs: list[Tensor]) -> Tensor:
    """Something to differentiate: the mean squares of all outputs."""
    return torch.stack([output.float().square().mean() for output in outputs]).sum()


def raw_of(output: object) -> Tensor:
    """Raw from what a generator gave: the tensor itself, or `raw` of a dict of auxiliary outputs."""
    raw = output.get("raw") if isinstance(output, dict) else output
    if not isinstance(raw, Tensor):
        raise BrokenPromise(
            f"forward returned {type(output).__name__}; return a tensor, or in training mode a dict with 'raw'"
        )
    return raw


def outputs_of(output: object) -> list[Tensor]:
    """Raw and every auxiliary output."""
    if not isinstance(output, dict):
        return [raw_of(output)]
    found = [raw_of(output)]
    for value in output.values():
        found += [each for each in (value if isinstance(value, list | tuple) else [value]) if isinstance(each, Tensor)]
    return found


def grays(batch: int = 2, size: tuple[int, int] = (SIZE_PX, SIZE_PX)) -> Tensor:
    """Random lightness in [-1, 1]."""
    return torch.rand(batch, 1, *size) * 2 - 1


def keeps_options(row: GeneratorRow) -> None:
    """Options are plain names and numbers with defaults, so a recipe can hold them."""
    parameters = inspect.signature(row.builder).parameters
    if "out_channels" not in parameters:
        raise BrokenPromise("the builder takes no out_channels; write def __init__(self, out_channels: int = 2, ...)")
    for name, default in row.options.items():
        if default is not None and not isinstance(default, bool | int | float | str):
            raise BrokenPromise(f"option {name}={default!r} is not a plain number or name, so no recipe can hold it")


def keeps_channels(row: GeneratorRow) -> None:
    """Any head: 2, 3 or 313 channels of raw."""
    for channels in (2, 3, 313):
        raw = raw_of(_painted(build_row(row, channels, **row.small), grays(1)))
        if raw.shape[1] != channels:
            raise BrokenPromise(
                f"out_channels={channels} gave {raw.shape[1]} channels; build the last layer with out_channels"
            )


def _painted(network: nn.Module, gray: Tensor) -> object:
    with torch.no_grad():
        return network.eval()(gray)


def keeps_shape(network: nn.Module, size: tuple[int, int] = (SIZE_PX, SIZE_PX), batch: int = 2) -> None:
    """Raw is a float `(b, c, h', w')` in the picture's proportions, in eval mode a bare tensor."""
    output = _painted(network, grays(batch, size))
    if isinstance(output, dict):
        raise BrokenPromise("in eval mode forward returned a dict; return auxiliary outputs only in training mode")
    raw = raw_of(output)
    if raw.ndim != 4 or raw.shape[0] != batch or not raw.is_floating_point():
        raise BrokenPromise(
            f"{batch} pictures of {size} gave {raw.dtype} of shape {tuple(raw.shape)}; give float (b, c, h', w')"
        )
    stretch = [side / got for side, got in zip(size, raw.shape[-2:])]
    if not 0.75 < stretch[0] / stretch[1] < 1.33:
        raise BrokenPromise(f"pictures of {size} gave raw of {tuple(raw.shape[-2:])}; keep the aspect ratio")
    if not raw.isfinite().all():
        raise BrokenPromise("raw is not finite")


def keeps_odd_sizes(network: nn.Module) -> None:
    """37x51 px works, or the error names the size to pad to, and that size works."""
    try:
        keeps_shape(network, ODD_PX)
    except ValueError as error:
        named = re.search(r"pad to (\d+)\s*[x×]\s*(\d+)", str(error))
        if not named:
            raise BrokenPromise(f"refuses {ODD_PX} without naming a size: say 'pad to HxW', or pad inside") from error
        keeps_shape(network, (int(named[1]), int(named[2])))


def keeps_batch_of_one(network: nn.Module) -> None:
    """One picture alone, in eval mode and in training."""
    keeps_shape(network, batch=1)
    raw_of(network.train()(grays(1)))


def keeps_determinism(network: nn.Module) -> None:
    """In eval mode the same picture gives the same raw, to the bit."""
    gray = grays()
    first, second = (raw_of(_painted(network, gray)) for _ in range(2))
    if not torch.equal(first, second):
        raise BrokenPromise(
            f"two eval passes differ by {(first - second).abs().max():.3g}; drop randomness in eval mode"
        )


def keeps_independence(network: nn.Module) -> None:
    """In eval mode a picture's raw does not depend on the other pictures of the batch."""
    gray = grays(3)
    together = raw_of(_painted(network, gray))
    alone = torch.cat([raw_of(_painted(network, one)) for one in gray.split(1)])
    if not torch.allclose(together, alone, rtol=1e-3, atol=1e-3 * max(1.0, float(together.std()))):
        raise BrokenPromise(
            f"a picture's raw depends on its batch: alone it differs by {(together - alone).abs().max():.3g}; use no batch "
            "statistics in eval mode"
        )


def keeps_input(network: nn.Module) -> None:
    """The pictures given stay as they were."""
    gray = grays()
    before = gray.clone()
    network.train()(gray)
    if not torch.equal(gray, before):
        raise BrokenPromise("forward writes into its input; copy it first")


def keeps_gradients(network: nn.Module) -> None:
    """Every trainable parameter gets a finite gradient; a parameter without one is dead weight."""
    network.train().zero_grad()
    if not any(p.requires_grad for p in network.parameters()):
        raise BrokenPromise("no parameter is trainable")
    _size_of(outputs_of(network(grays()))).backward()
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        if parameter.grad is None:
            raise BrokenPromise(f"{name} gets no gradient; use it, drop it, or set requires_grad to False")
        if not parameter.grad.isfinite().all():
            raise BrokenPromise(f"{name} gets a gradient that is not finite")


def keeps_frozen(network: nn.Module) -> None:
    """Training does not move the statistics of a part whose parameters are all frozen."""
    frozen = {
        name: part
        for name, part in network.named_modules()
        if (own := list(part.parameters())) and not any(p.requires_grad for p in own) and list(part.buffers())
    }
    before = {name: [b.clone() for b in part.buffers()] for name, part in frozen.items()}
    network.train()(grays())
    for name, part in frozen.items():
        if not all(torch.equal(a, b) for a, b in zip(before[name], part.buffers())):
            raise BrokenPromise(
                f"{name} is frozen, yet training moves its statistics; keep it in eval mode (override train)"
            )


def keeps_safetensors(network: nn.Module) -> None:
    """Its state, saved as safetensors and loaded over changed weights, gives the same raw."""
    from safetensors.torch import load, save

    gray = grays()
    expected = raw_of(_painted(network, gray))
    saved = save({name: value.contiguous() for name, value in network.state_dict().items()})
    original = {name: value.clone() for name, value in network.state_dict().items()}
    try:
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(1.0)
        network.load_state_dict(load(saved))
        restored = raw_of(_painted(network, gray))
    finally:
        network.load_state_dict(original)
    if not torch.equal(restored, expected):
        raise BrokenPromise("weights saved and loaded give another raw: some state is not in state_dict()")


def keeps_layout(network: nn.Module) -> None:
    """channels_last gives the same raw."""
    gray = grays()
    expected = raw_of(_painted(network, gray))
    got = raw_of(_painted(network.to(memory_format=torch.channels_last), gray.to(memory_format=torch.channels_last)))
    if not torch.allclose(got, expected, rtol=1e-3, atol=1e-3 * max(1.0, float(expected.std()))):
        raise BrokenPromise(f"in channels_last raw differs by {(got - expected).abs().max():.3g}")


def keeps_bf16(network: nn.Module) -> None:
    """Training under bf16 autocast gives finite raw and finite gradients."""
    network.train().zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        outputs = outputs_of(network(grays()))
    _size_of(outputs).backward()
    finite = [p.grad.isfinite().all() for p in network.parameters() if p.grad is not None]
    if not all(output.isfinite().all() for output in outputs) or not all(finite):
        raise BrokenPromise("bf16 autocast gives values that are not finite; compute the delicate part in float32")


ROW_PROMISES: dict[str, Callable[[GeneratorRow], None]] = {
    "plain options": keeps_options,
    "any head": keeps_channels,
}
MODULE_PROMISES: dict[str, Callable[[nn.Module], None]] = {
    "shape": keeps_shape,
    "odd sizes": keeps_odd_sizes,
    "batch of one": keeps_batch_of_one,
    "determinism": keeps_determinism,
    "batch independence": keeps_independence,
    "input untouched": keeps_input,
    "gradients": keeps_gradients,
    "frozen parts": keeps_frozen,
    "safetensors": keeps_safetensors,
    "channels_last": keeps_layout,
    "bf16": keeps_bf16,
}
