"""`colorbench doctor`: show what this machine has, what is missing, and what to do."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from typing import NamedTuple

from rich.text import Text

from colorbench.console import loading, show_table
from colorbench.machine import cores

_EXTRAS = {"torchmetrics": "torchmetrics", "pynvml": "gpu", "pillow_heif": "heif", "ray": "ray", "submitit": "slurm"}
_LEAST_FREE_BYTES = 2e9


class Finding(NamedTuple):
    """One line: `state` is ok, missing (a feature is off) or broken (something has to be done)."""

    what: str
    state: str
    seen: str


def examine() -> int:
    """Print all findings; return 1 when something is broken."""
    with loading():
        findings = list(_findings())
    colors = {"ok": "green", "missing": "yellow", "broken": "red"}
    rows = [(each.what, Text(each.state, colors[each.state]), each.seen) for each in findings]
    show_table(["what", "state", "seen"], rows)
    return 1 if any(each.state == "broken" for each in findings) else 0


def _findings() -> Iterator[Finding]:
    import torch

    import colorbench

    yield Finding("colorbench", "ok", f"{colorbench.__version__}, torch {torch.__version__}")
    if torch.cuda.is_available():
        yield Finding("GPU", "ok", ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())))
    else:
        yield Finding("GPU", "missing", f"torch finds none; cells run on {cores()} CPU threads")
    yield _compiler()
    yield from _weights()
    yield _photos()
    yield _cache()
    for module, extra in _EXTRAS.items():
        found = importlib.util.find_spec(module) is not None
        yield Finding(
            module, "ok" if found else "missing", "installed" if found else f"pip install 'colorbench[{extra}]'"
        )


def _compiler() -> Finding:
    found = shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++")
    if found:
        return Finding("C++ compiler", "ok", "color conversions and metrics can be compiled")
    return Finding(
        "C++ compiler", "missing", "without g++ color conversions and metrics run eagerly: slower, same values"
    )


def _weights() -> Iterator[Finding]:
    from colorbench.features.load import FEATURES
    from colorbench.features.weights import candidates

    for name, spec in FEATURES.items():
        file = spec.file()
        here = next((path for path in candidates(file) if path.is_file()), None)
        cure = f"downloaded at first use ({file.megabytes:g} MB); offline: put it into the folder COLORBENCH_WEIGHTS"
        yield Finding(f"weights {name}", "ok" if here else "missing", str(here or cure))


def _photos() -> Finding:
    from colorbench.data.embedded import find_embedded

    try:
        found = find_embedded(None)
    except (ValueError, OSError) as error:
        return Finding("embedded photos", "broken", str(error))
    return Finding("embedded photos", "ok", f"{len(found.sources)} photos in installed packages")


def _cache() -> Finding:
    from colorbench.files import cache_folder

    folder = cache_folder(None)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        cure = "set COLORBENCH_CACHE to another folder"
        return Finding("cache", "broken", f"{folder} cannot be written ({error.strerror}); {cure}")
    if not os.access(folder, os.W_OK):
        return Finding(
            "cache", "broken", f"{folder} is read-only; set COLORBENCH_CACHE to a folder that can be written"
        )
    if free < _LEAST_FREE_BYTES:
        cure = "make room, or set COLORBENCH_CACHE to a folder on another disk"
        return Finding("cache", "broken", f"{folder}, only {free / 1e9:.1f} GB free; {cure}")
    return Finding("cache", "ok", f"{folder}, {free / 1e9:.0f} GB free")
