"""Cells in one process with two GPUs: calibrated on the second, out of memory, stopped and resumed."""

import json

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
from colorbench.suites import load_suite
from colorbench.training.train import train
from tests.null_device.harness import read_counts
from tests.training.cells import small_cell

out = Path(sys.argv[1])

def ended(name, cell, steps=10, **options):
    record = train(cell.model_copy(update={"steps": steps}), out / name, metrics=["psnr"], **options)
    return {"status": record.status, "message": record.message, "gpu": record.environment.gpu,
            "scored": bool(record.scores), "written": (out / name / "record.json").is_file(),
            "steps": record.spent.steps, "micro_batch": record.spent.micro_batch, "captured": record.cost.captured,
            "endings": [attempt.ended for attempt in record.attempts]}

found = {}
table = calibrate(load_suite(out / "two.toml"), out=out / "table.json", device="cuda:1", warmup_steps=1, block_steps=1).table
found["calibrated"] = {"rows": [row.captured for row in table.rows], "device": table.reference.device}
found["devices"] = [asdict(read_counts(device)) for device in (0, 1)]

large = Recipe(generator="unet", loss="l1", options={"width": 128, "depth": 3})
found["too large"] = ended("large", small_cell(recipe=large))
found["after it"] = ended("small", small_cell())

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


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    out = tmp_path_factory.mktemp("null")
    write_suite(out, matrix='[[recipes]]\ngenerator = "unet"\nloss = "l1"\noptions = { width = 4, depth = 2 }')
    return json.loads(run_on_null_device(SCRIPT, str(out), gib=0.15, devices=2).stdout.splitlines()[-1])


GPU = "Null H100"


def test_calibration_stays_on_its_device(found):
    first, second = (Counts(**counts) for counts in found["devices"])
    assert found["calibrated"] == {"rows": [True], "device": GPU}
    assert first == Counts()
    assert second.graph_launches > 0
    assert second.graph_kernels > second.graph_launches


def test_a_cell_that_does_not_fit_leaves_a_record_and_the_memory_to_the_next(found):
    large, small = found["too large"], found["after it"]
    assert large["message"].startswith("CUDA out of memory")
    assert ended(large) == ("out-of-memory", GPU, True, True)
    assert large["micro_batch"] == 1
    assert ended(small) == ("done", GPU, True, True)
    assert (small["steps"], small["captured"]) == (10, True)


def test_a_resumed_adversarial_cell_asks_no_more_of_the_device_than_before(found):
    (nothing, before), (resumed, after) = found["stopped"], found["resumed"]
    assert nothing is None
    assert ended(resumed) == ("done", GPU, True, True)
    assert (resumed["steps"], resumed["endings"]) == (60, ["interrupted", "done"])
    blocks = [Counts(**block) for block in (*before[1:], *after[1:])]  # without the first, which has the set-up
    assert len(set(blocks)) == 1
    assert (blocks[0].graph_launches, blocks[0].to_device, blocks[0].allocations) == (10, 0, 0)
    assert blocks[0].syncs <= 4  # the clock, the health, and two parts of the loss, all at the block's end


def ended(cell):
    return cell["status"], cell["gpu"], cell["scored"], cell["written"]
