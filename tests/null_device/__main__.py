"""`python -m tests.null_device ARGUMENTS` runs `python ARGUMENTS` on a null device, and says what it did.

NULL_DEVICE_GIB, NULL_DEVICE_COUNT and NULL_DEVICE_FAIL_AFTER are what `run_on_null_device` calls gib, devices and fail_after.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.null_device.harness import missing, read_counts, variables

if reason := missing():
    sys.exit(reason)
with tempfile.TemporaryDirectory() as folder:
    devices = int(os.environ.get("NULL_DEVICE_COUNT", 1))
    gib, fail_after = float(os.environ.get("NULL_DEVICE_GIB", 80)), int(os.environ.get("NULL_DEVICE_FAIL_AFTER", 0))
    os.environ.update(variables(Path(folder) / "counts", gib=gib, devices=devices, fail_after=fail_after))
    code = subprocess.run([sys.executable, *sys.argv[1:]]).returncode
    for device in range(devices):
        used = [f"{count} {name}" for name, count in asdict(read_counts(device)).items() if count]
        print(f"null device {device}:", ", ".join(used) or "unused", file=sys.stderr)
sys.exit(code)
