"""What all benchmark files share: two threads, the device, and `measure`, which notes memory and agreement.

    COLORBENCH_COMPILE=1 JAXTYPING_DISABLE=1 pytest benchmarks --benchmark-only --benchmark-json=results.json
    python benchmarks/table.py results.json
    python -m benchmarks.speed FOLDER           the README's table: eager, kept and compiled

COLORBENCH_BENCH_DEVICE=cuda measures on a GPU. Every measurement carries in `extra_info`: `operation`, `who` (colorbench or
the peer), `device`, `difference` (largest absolute difference of the values from ours), `peak_megabytes` (above what was
in use before; Linux and CUDA), `first_seconds` (of the first call in this process: compiling, where it compiles). Peers of
one operation run one after the other in one run; compare medians.
"""

import gc
import os
import time
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="module", autouse=True)
def two_threads():
    """As the bars are stated: 2 CPU threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def device() -> str:
    wanted = os.environ.get("COLORBENCH_BENCH_DEVICE", "cpu")
    return wanted if wanted == "cpu" or torch.cuda.is_available() else "cpu"


@pytest.fixture(scope="module")
def rgb(device) -> torch.Tensor:
    """16 smooth pictures of 256 px over the whole gamut."""
    coarse = torch.rand(16, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, (256, 256), mode="bicubic").clamp(0, 1).to(device)


@pytest.fixture
def weights():
    """Skips a row that needs a pretrained network where there is none."""
    folder = os.environ.get("COLORBENCH_WEIGHTS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("set COLORBENCH_WEIGHTS for the networks' rows")


@pytest.fixture
def measure(benchmark, device):
    """Time `function` of `who` doing `operation`, and note its memory and how far its value is from `ours`.

    `ours`: our value, or a function that gives it and is not called before the first call of `function`.
    `rounds=1` measures the first call and no other, for peers that take many seconds.
    """

    def run(operation, who, function, ours=None, rounds=9):
        def timed():
            value = function()
            if device == "cuda":
                torch.cuda.synchronize()
            return value

        benchmark.group = operation
        benchmark.extra_info |= {"operation": operation, "who": who, "device": device}
        values = []
        if rounds > 1:
            began = time.perf_counter()
            value = timed()
            benchmark.extra_info["first_seconds"] = time.perf_counter() - began
            benchmark.extra_info["difference"] = _difference(value, ours)
            benchmark.extra_info["peak_megabytes"] = peak_megabytes(timed, device)
            benchmark.pedantic(timed, rounds=rounds, warmup_rounds=1)
            return
        megabytes = peak_megabytes(
            lambda: benchmark.pedantic(lambda: values.append(timed()), rounds=1, warmup_rounds=0), device
        )
        benchmark.extra_info["peak_megabytes"] = megabytes
        benchmark.extra_info["difference"] = _difference(values[0], ours)

    return run


def channels_last(pictures: torch.Tensor):
    """As the array packages want them."""
    return pictures.movedim(1, -1).cpu().numpy()


def _difference(value, ours) -> float | None:
    ours = ours() if callable(ours) else ours
    if ours is None:
        return None
    value = value[0] if isinstance(value, tuple) else value
    one, other = (torch.as_tensor(each).detach().cpu().double() for each in (value, ours))
    return (one - other).abs().max().item()


def peak_megabytes(function, device: str) -> float | None:
    """Peak of memory above what was in use; None where the system does not tell."""
    gc.collect()  # what the last call left would count as in use
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        function()
        return round((torch.cuda.max_memory_allocated() - before) / 1e6, 1)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    before = _status_kilobytes("VmRSS")
    function()
    return round((_status_kilobytes("VmHWM") - before) / 1e3, 1)


def _status_kilobytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])
