"""The training step as a CUDA graph: what is captured, and what is refused with its reason."""

import json

import pytest

from tests.null_device.harness import missing, run_on_null_device

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "")

SCRIPT = """
import json
from types import SimpleNamespace

import numpy as np, torch

from colorbench.cell import Phases, Recipe
from colorbench.data.photoset import PhotoSet
from colorbench.training.setup import build_trainer
from tests.null_device.harness import read_counts
from tests.training.cells import small_cell

device = torch.device("cuda")
pixels = np.random.default_rng(0).integers(0, 256, (8, 3, 32, 32), dtype=np.uint8)
photos = SimpleNamespace(train=PhotoSet.from_pixels(pixels))
batch = torch.from_numpy(pixels[:4]).to(device)

def trainer(loss="l1", bend=None, **changes):
    torch.manual_seed(0)
    made = build_trainer(small_cell(recipe=Recipe(generator="linknet", loss=loss, **changes)), photos, device)
    if bend:
        forward = made.model.forward
        made.model.forward = lambda gray: bend(forward(gray))
    return made

def prepared(made, share=0.5, shown=batch, others=None):
    if made.needs_preparing(shown, share):
        made.prepare(shown, share, others)
    before = read_counts()
    made.step(shown, share, others)
    used = read_counts() - before
    return {"graphs": used.graph_launches, "syncs": used.syncs, "refused": made.captured.refused}

plain = trainer()
found = {"plain": prepared(plain)}
found["other size"] = [prepared(plain, shown=batch[..., :16, :16].contiguous()), prepared(plain)]
gan = trainer("100*l1 + patchgan(width=4, layers=1)",
              phases=Phases(plan="pretrain-then-adversarial", pretrain_share=0.3, critic_share=0.3))
found["phases"] = [prepared(gan, share) for share in (0.1, 0.5, 0.9, 0.1)]
found["pool"] = prepared(trainer("cycle(width=4, blocks=1, layers=1, pool=3)"), others=batch)
found["no pool"] = prepared(trainer("cycle(width=4, blocks=1, layers=1, pool=0)"), others=batch)
found["reads"] = prepared(trainer(bend=lambda raw: raw * (1 + float(raw.detach().sum()) * 0)))
found["copies"] = prepared(trainer(bend=lambda raw: raw + torch.tensor([0.5], device="cuda")))

def breaks(raw):
    if torch.cuda.is_current_stream_capturing():
        raise KeyError("not in a graph")
    return raw

found["breaks"] = prepared(trainer(bend=breaks))
found["after a break"] = prepared(trainer())
print(json.dumps(found))
"""


def test_steps_are_replayed_or_say_why_not():
    found = json.loads(run_on_null_device(SCRIPT).stdout)
    replayed = {"graphs": 1, "syncs": 0, "refused": ""}
    assert found["plain"] == found["no pool"] == found["after a break"] == replayed
    assert found["other size"] == [replayed, replayed]
    assert found["phases"] == [replayed] * 4
    for name, reason in {
        "pool": "its image pool decides on the host",
        "reads": "the step waits for the device: ",
        "copies": "the step waits for the device: ",
        "breaks": "the step cannot be captured: ",
    }.items():
        assert found[name]["graphs"] == 0
        assert found[name]["refused"].startswith(reason)
