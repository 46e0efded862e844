"""A run on two GPUs, where one recipe breaks its device for good."""

import json
from pathlib import Path

import pytest

from tests.null_device.harness import missing, run_on_null_device
from tests.training.cells import write_suite

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "")

RECIPES = """
[[recipes]]
generator = "breaks-the-device"
loss = "l1"

[[recipes]]
generator = "unet"
loss = "l1"
options = { width = 4, depth = 2 }

[[recipes]]
generator = "unet"
loss = "mse"
options = { width = 4, depth = 2 }
"""

SCRIPT = """
import sys
from pathlib import Path

from colorbench.grid.executors import make_executor
from colorbench.grid.run import run
from colorbench.plugins import load_plugins
from colorbench.suites import load_suite

suite, plugin = sys.argv[1:]
load_plugins([plugin])
executor = make_executor("local", device="cuda", environment={"COLORBENCH_COMPILE": "0"})
report = run(load_suite(suite), out=Path(suite).parent, executor=executor, plugins=[plugin], build=False)
assert not report.problems, report.problems
"""


def test_workers_share_the_gpus_and_a_broken_one_ends_with_its_cell(tmp_path):
    suite = write_suite(tmp_path, head="seeds = 1\nbaselines = []", matrix=RECIPES)
    report = run_on_null_device(SCRIPT, str(suite), str(Path(__file__).with_name("breaking.py")), devices=2)
    records = [json.loads(path.read_text()) for path in tmp_path.rglob("record.json")]
    ended = {record["cell"]["recipe"]["generator"]: (record["status"], record["message"]) for record in records}
    assert len(records) == 3
    assert ended == {
        "breaks-the-device": ("crash", "AcceleratorError: CUDA error: an illegal memory access was encountered"),
        "unet": ("done", ""),
    }
    assert all(record["environment"]["gpu"] == "Null H100" and record["scores"] for record in records)
    assert all(device.kernels for device in report.devices)
    assert sum(device.graph_launches for device in report.devices) == 2 * (4 + 1)  # the steps, and a capture's check
