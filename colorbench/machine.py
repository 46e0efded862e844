"""What this machine's processor is: its name, what compiled code may use, and how much of it this process has."""

import os
import platform
import sys
from functools import cache
from pathlib import Path

from colorbench.files import bytes_sha256


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_name() -> str:
    """The model and the machine's threads, such as `Intel(R) Xeon(R) CPU @ 2.20GHz, 4 threads`."""
    name = _cpuinfo("model name") or platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} threads"


@cache
def instruction_set() -> str:
    """What compiled code may use here: a cache folder may be shared by machines that differ."""
    import torch

    flags = _cpuinfo("flags") or _cpuinfo("Features")
    return f"{sys.platform} {torch.backends.cpu.get_cpu_capability()} {bytes_sha256(flags.encode())[:16]}"


def _cpuinfo(key: str) -> str:
    """The first value of this key; "" where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
