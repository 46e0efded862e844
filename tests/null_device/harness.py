"""Run Python on a CUDA device that is not there: torch's whole host side works, and kernels are counted, not computed.

So a test without a GPU can prove paths, statuses, launches, waits and allocations, also those inside CUDA graphs; never
values, which mean nothing. The device is one library that gcc makes from the C files beside this one: `streams.c` says
what captures refuse, `memory.c` what copies read. It is preloaded in front of PyPI's torch, in workers too.
"""

import atexit
import functools
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_DEVICES = 8
_COUNTER = struct.Struct("24sq")  # Counter in devices.c


@dataclass(frozen=True)
class Counts:
    """What one device was asked to do, by all processes of a run.

    Work inside a capture is not counted where it is captured: `graph_kernels` are the kernels of the graphs that were
    launched. `syncs` are the calls that wait for a stream, a device or an event.
    """

    kernels: int = 0
    captures: int = 0
    graph_launches: int = 0
    graph_kernels: int = 0
    syncs: int = 0
    to_device: int = 0
    from_device: int = 0
    on_device: int = 0
    pageable: int = 0  # of the copies above, those from or to memory that is not pinned
    fills: int = 0
    allocations: int = 0

    def __sub__(self, before: "Counts") -> "Counts":
        return Counts(*(now - then for now, then in zip(astuple(self), astuple(before))))

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(one + another for one, another in zip(astuple(self), astuple(other))))


@dataclass(frozen=True)
class Report:
    """How a run ended, and the counts of each device by its own number, whatever CUDA_VISIBLE_DEVICES called it."""

    returncode: int
    stdout: str
    stderr: str
    devices: tuple[Counts, ...]

    @property
    def counts(self) -> Counts:
        return functools.reduce(Counts.__add__, self.devices)


def missing() -> str | None:
    """What the null device lacks here, in a sentence; None if it can be made."""
    import torch

    if sys.platform != "linux" or torch.version.cuda is None:
        return "the null device needs a CUDA build of torch, as PyPI has for Linux"
    if shutil.which("gcc") is None:
        return "the null device needs gcc"
    absent = [str(folder) for folder in _include_folders() if not folder.is_dir()]
    return f"the null device needs CUDA 13's headers: {absent[0]} is missing" if absent else None


def run_on_null_device(
    script: str | Sequence[str],
    *arguments: str,
    gib: float = 80,
    devices: int = 1,
    fail_after: int | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 280,
    check: bool = True,
) -> Report:
    """Run Python in a new process that sees null devices, and say what it did.

    Args:
        script: source code, or the arguments of `python`, such as `["-m", "colorbench", "run", "smoke"]`.
        arguments: what the source code finds in `sys.argv[1:]`.
        gib: memory of each device; each process has all of it.
        devices: how many.
        fail_after: after this many kernels of all processes together, the process that launched the last one has a
            sticky error: everything it asks of its devices fails from then on. Later processes are well.
        env: variables that are set beside those of this process.
        check: raise when the process fails.

    Raises:
        RuntimeError: the process failed; the message has the end of what it printed.
    """
    command = ["-c", textwrap.dedent(script), *arguments] if isinstance(script, str) else list(script)
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts"
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env={**os.environ, **variables(counts, gib=gib, devices=devices, fail_after=fail_after), **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        found = tuple(_read(counts)[:devices])
    if check and done.returncode:
        raise RuntimeError(f"exit code {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
    return Report(done.returncode, done.stdout, done.stderr, found)


def read_counts(device: int = 0) -> Counts:
    """What this device was asked to do until now: for scripts that run on it."""
    return _read(Path(os.environ["NULL_DEVICE_COUNTS"]))[device]


def variables(counts: Path, *, gib: float = 80, devices: int = 1, fail_after: int | None = None) -> dict[str, str]:
    """The environment that gives a process null devices, which keep their counts in this file."""
    return {
        "LD_PRELOAD": str(build()),
        "TRITON_LIBCUDA_PATH": str(build().parent),
        "NULL_DEVICE_COUNTS": str(counts),
        "NULL_DEVICE_GIB": str(gib),
        "NULL_DEVICE_COUNT": str(devices),
        "NULL_DEVICE_FAIL_AFTER": str(fail_after or 0),
    }


@functools.cache
def build() -> Path:
    """Compile the library, once per process; it goes when the process ends. Raises RuntimeError with gcc's words."""
    folder = Path(tempfile.mkdtemp(prefix="null-device-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = folder / "libcuda.so.1"  # its soname, too: what opens the driver finds that it is loaded
    done = subprocess.run(
        ["gcc", "-O1", "-fPIC", "-shared", "-std=gnu11", "-w", "-fvisibility=hidden", f"-Wl,-soname,{library.name}"]
        + [f"-I{folder}" for folder in _include_folders()]
        + ["-o", str(library), *map(str, sorted(HERE.glob("*.c"))), "-ldl", "-lpthread"],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    (folder / "libcuda.so").symlink_to(library.name)  # the name Triton links with
    return library


def _include_folders() -> list[Path]:
    """The runtime's headers, and Triton's, which has those that the runtime's include."""
    inner = {"nvidia": "cu13/include", "triton": "backends/nvidia/include"}
    found = {package: find_spec(package) for package in inner}
    return [
        Path(spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else package)
        / inner[package]
        for package, spec in found.items()
    ]


def _read(file: Path) -> list[Counts]:
    raw, size = file.read_bytes(), _COUNTER.size * len(fields(Counts))
    rows = [_COUNTER.iter_unpack(raw[device * size : (device + 1) * size]) for device in range(_DEVICES)]
    return [Counts(**{name.rstrip(b"\0").decode(): value for name, value in row}) for row in rows]
