"""On the null device: which training steps are replayed as a CUDA graph, and why the others are not."""

from types import SimpleNamespace

import numpy as np
import torch

from colorbench.cell import Phases, Recipe
from colorbench.data.photoset import PhotoSet
from colorbench.training.setup import build_trainer
from tests.null_device.harness import read_counts
from tests.training.cells import small_cell

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 3, 32, 32), dtype=np.uint8)


def trainer(loss="l1", bend=None, **changes):
    torch.manual_seed(0)
    photos = SimpleNamespace(train=PhotoSet.from_pixels(PIXELS))
    recipe = Recipe(generator="linknet", loss=loss, **changes)
    made = build_trainer(small_cell(recipe=recipe), photos, torch.device("cuda"))
    if bend:
        forward = made.model.forward
        made.model.forward = lambda gray: bend(forward(gray))
    return made


def prepared(made, shown, share=0.5, others=None) -> dict:
    if made.needs_preparing(shown, share):
        made.prepare(shown, share, others)
    before = read_counts()
    made.step(shown, share, others)
    used = read_counts() - before
    return {"graphs": used.graph_launches, "syncs": used.syncs, "refused": made.captured.refused}


def breaks(raw):
    if torch.cuda.is_current_stream_capturing():
        raise KeyError("not in a graph")
    return raw


def found() -> dict:
    batch, plain = torch.from_numpy(PIXELS[:4]).to("cuda"), trainer()
    smaller = batch[..., :16, :16].contiguous()
    phases = Phases(plan="pretrain-then-adversarial", pretrain_share=0.3, critic_share=0.3)
    gan = trainer("100*l1 + patchgan(width=4, layers=1)", phases=phases)
    reads, copies = (
        trainer(bend=lambda raw: raw * (1 + float(raw.detach().sum()) * 0)),
        trainer(bend=lambda raw: raw + torch.tensor([0.5], device="cuda")),
    )
    return {
        "plain": prepared(plain, batch),
        "other size": [prepared(plain, smaller), prepared(plain, batch)],
        "phases": [prepared(gan, batch, share) for share in (0.1, 0.5, 0.9, 0.1)],
        "pool": prepared(trainer("cycle(width=4, blocks=1, layers=1, pool=3)"), batch, others=batch),
        "no pool": prepared(trainer("cycle(width=4, blocks=1, layers=1, pool=0)"), batch, others=batch),
        "reads": prepared(reads, batch),
        "copies": prepared(copies, batch),
        "breaks": prepared(trainer(bend=breaks), batch),
        "after a break": prepared(trainer(), batch),
    }
