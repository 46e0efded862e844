"""Cells on a machine with two GPUs: side by side, with a recipe that breaks its device; calibrated on the second one; out of
memory; stopped and resumed."""

import json
from pathlib import Path

import pytest

from tests.null_device.harness import Counts, missing, run_on_null_device
from tests.training.cells import write_suite

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "")

SCRIPT = """
import json, sys
from dataclasses import asdict
from pathlib import Path

from colorbench.cell import Recipe
from colorbench.grid.calibrate import calibrate
from colorbench.grid.executors import make_executor
from colorbench.grid.run import run
from colorbench.grid.worker import Job, run_job
from colorbench.plugins import load_plugins
from colorbench.record import read_record
from colorbench.suites import load_suite
from colorbench.training.train import train
from tests.null_device.harness import read_counts
from tests.training.cells import small_cell

suite_file, plugin = map(Path, sys.argv[1:])
out, suite = suite_file.parent, load_suite(suite_file)

def counts():
    return [asdict(read_counts(device)) for device in (0, 1)]

def facts(record):
    return {"recipe": record.cell.recipe.label, "status": record.status, "message": record.message,
            "gpu": record.environment.gpu, "scored": bool(record.scores), "steps": record.spent.steps,
            "micro_batch": record.spent.micro_batch, "captured": record.cost.captured,
            "endings": [attempt.ended for attempt in record.attempts]}

def ended(name, cell, steps=10, **options):
    train(cell.model_copy(update={"steps": steps}), out / name, metrics=["psnr"], checkpoint_seconds=3600, **options)
    return facts(read_record(out / name / "record.json"))

found = {}
load_plugins([plugin])
workers = make_executor("local", device="cuda", environment={"COLORBENCH_COMPILE": "0"})
report = run(suite, out=out / "run", executor=workers, plugins=[str(plugin)], build=False)
found["run"] = {"problems": report.problems, "counts": counts(), "records": [facts(each) for each in report.records]}

unet_only = suite.model_copy(update={"recipes": suite.recipes[1:]})
table = calibrate(unet_only, out=out / "table.json", device="cuda:1", warmup_steps=1, block_steps=1).table
found["calibrated"] = {"device": table.reference.device, "captured": [row.captured for row in table.rows], "counts": counts()}

large = Recipe(generator="unet", loss="l1", options={"width": 128, "depth": 3})
found["too large"] = ended("large", small_cell(recipe=large))
found["after it"] = ended("small", small_cell())

killed = Job(out / "killed", small_cell(), ("psnr",), device="cuda:1", fail=("crash", "the process was ended by SIGKILL"))
killed.folder.mkdir()
run_job(killed)
found["killed"] = facts(read_record(killed.folder / "record.json"))

def blocks(name, stop_at=None):
    seen = [read_counts()]
    def at_a_block_end():
        seen.append(read_counts())
        return len(seen) - 1 == stop_at
    try:
        ending = ended(name, small_cell("100*l1 + patchgan(width=4, layers=1)"), 60, should_stop=at_a_block_end)
    except KeyboardInterrupt:
        ending = None
    return ending, [asdict(now - before) for before, now in zip(seen, seen[1:])]

found["stopped"] = blocks("resumed", stop_at=3)
found["resumed"] = blocks("resumed")

print(json.dumps(found))
"""


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
GPU = "Null H100"


def test_cells_on_two_gpus(tmp_path):
    """One test, because one process does it all."""
    suite = write_suite(tmp_path, head="seeds = 1\nbaselines = []", matrix=RECIPES)
    plugin = Path(__file__).with_name("breaking.py")
    done = run_on_null_device(SCRIPT, str(suite), str(plugin), gib=0.15, devices=2)
    found = json.loads(done.stdout.splitlines()[-1])
    workers_share_the_gpus_and_a_broken_one_ends_with_its_cell(found)
    calibration_stays_on_its_device(found)
    a_cell_that_does_not_fit_leaves_a_record_and_the_memory_to_the_next(found)
    a_cell_whose_process_was_killed_names_its_gpu(found)
    a_resumed_adversarial_cell_asks_no_more_of_the_device_than_before(found)


def workers_share_the_gpus_and_a_broken_one_ends_with_its_cell(found):
    assert found["run"]["problems"] == []
    broken, *whole = sorted(found["run"]["records"], key=lambda record: record["recipe"])
    assert broken["message"] == "AcceleratorError: CUDA error: an illegal memory access was encountered"
    assert ended(broken) == ("crash", GPU, True)
    assert broken["endings"] == ["crash"]
    assert [ended(record) for record in whole] == [("done", GPU, True)] * 2
    devices = [Counts(**counts) for counts in found["run"]["counts"]]
    assert all(device.kernels for device in devices)
    assert sum(device.graph_launches for device in devices) == 2 * (4 + 1)  # the steps, and the check of each capture


def calibration_stays_on_its_device(found):
    calibrated = found["calibrated"]
    first, second = (
        Counts(**now) - Counts(**before) for now, before in zip(calibrated["counts"], found["run"]["counts"])
    )
    assert (calibrated["device"], calibrated["captured"]) == (GPU, [True, True])
    assert first == Counts()
    assert second.graph_launches > 0
    assert second.graph_kernels > second.graph_launches


def a_cell_that_does_not_fit_leaves_a_record_and_the_memory_to_the_next(found):
    large, small = found["too large"], found["after it"]
    assert large["message"].startswith("CUDA out of memory")
    assert ended(large) == ("out-of-memory", GPU, True)
    assert large["micro_batch"] == 1
    assert ended(small) == ("done", GPU, True)
    assert (small["steps"], small["captured"]) == (10, True)


def a_cell_whose_process_was_killed_names_its_gpu(found):
    assert ended(found["killed"]) == ("crash", GPU, True)


def a_resumed_adversarial_cell_asks_no_more_of_the_device_than_before(found):
    (nothing, before), (resumed, after) = found["stopped"], found["resumed"]
    assert nothing is None
    assert ended(resumed) == ("done", GPU, True)
    assert (resumed["steps"], resumed["endings"]) == (60, ["interrupted", "done"])
    blocks = [Counts(**block) for block in (*before[1:], *after[1:])]  # without the first, which has the set-up
    assert len(set(blocks)) == 1
    assert (blocks[0].graph_launches, blocks[0].to_device, blocks[0].allocations) == (10, 0, 0)
    assert blocks[0].syncs <= 4  # the clock, the health, and two parts of the loss, all at the block's end


def ended(cell):
    return cell["status"], cell["gpu"], cell["scored"]
