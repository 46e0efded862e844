"""Where a run happened: versions and kinds of hardware. No names of machines, no paths."""

import os
import platform
import subprocess
from pathlib import Path

import torch

import colorbench
from colorbench.record import Environment
from colorbench.tensors import Float32


def describe_environment(device: torch.device, float32: Float32 | None = None) -> Environment:
    """Facts about this process and its device, and how that computes float32."""
    cuda = device.type == "cuda"
    commit, dirty = _git()
    return Environment(
        colorbench=colorbench.__version__,
        python=platform.python_version(),
        torch=torch.__version__,
        cuda=torch.version.cuda if cuda else None,
        driver=_driver() if cuda else None,
        gpu=torch.cuda.get_device_name(device) if cuda else None,
        cpu=_cpu(),
        threads=torch.get_num_threads(),
        float32=float32 if cuda else None,
        platform=f"{platform.system()} {platform.machine()}",
        git_commit=commit,
        git_dirty=dirty,
        deterministic=torch.are_deterministic_algorithms_enabled() or not cuda,
    )


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()}, {os.cpu_count()} threads"
    except OSError:
        pass
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} threads"


def _driver() -> str | None:
    try:
        import pynvml

        pynvml.nvmlInit()
        return pynvml.nvmlSystemGetDriverVersion()
    except Exception:  # optional package, optional driver
        return None


def _git() -> tuple[str | None, bool | None]:
    """Commit and dirtiness of the checkout this package runs from; None when it is installed."""
    root = Path(colorbench.__file__).parent.parent
    if not (root / ".git").exists():
        return None, None
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, timeout=5)
        status = subprocess.run(["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None, None
    return (commit.stdout.strip() or None, bool(status.stdout.strip())) if commit.returncode == 0 else (None, None)
