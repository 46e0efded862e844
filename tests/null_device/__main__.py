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
    given = variables(Path(folder) / "counts")
    os.environ.update(
        given | {name: os.environ[name] for name in given if name in os.environ and "NULL_DEVICE" in name}
    )
    os.environ["NULL_DEVICE_COUNTS"] = given["NULL_DEVICE_COUNTS"]
    code = subprocess.run([sys.executable, *sys.argv[1:]]).returncode
    for device in range(int(os.environ["NULL_DEVICE_COUNT"])):
        used = {name: count for name, count in asdict(read_counts(device)).items() if count}
        print(
            f"null device {device}:",
            ", ".join(f"{count} {name}" for name, count in used.items()) or "unused",
            file=sys.stderr,
        )
sys.exit(code)
