"""`python sync_worker.py FOLDER`: two processes that share the metrics' state, and one that goes on with a pickled metric.

Each of two gloo processes scores its part and writes to `<rank>.json` what the metrics are together, and what one process
gives for all. FOLDER holds `metric.pt`, which has seen the first picture of `pair.pt`: unpickling it is what imports its
class. The second process is forked from the first, so that the imports are paid for once.
"""

import json
import os
import sys
import warnings
from pathlib import Path

import torch

NAMES = ("psnr", "ssim", "colorfulness", "ab-auc-rebalanced", "fid", "kid", "delta-cf")


def features_stand_in(rgb):
    """Six numbers per picture: the synchronization is tested, not Inception."""
    return torch.cat([rgb.mean(dim=(2, 3)), rgb.std(dim=(2, 3))], dim=1)


def value(name, pair, share):
    from colorbench.metrics import as_torchmetric

    metric = as_torchmetric(name)
    if share is not None:
        metric.update(pair[0][share], pair[1][share])
    return metric.compute().item()


def together(store: Path, rank: int) -> dict:
    draw = torch.Generator().manual_seed(0)
    target = torch.rand(5, 3, 16, 16, generator=draw)
    pair = (target + 0.1 * torch.randn(target.shape, generator=draw)).clamp(0, 1), target
    found = {"one": {name: value(name, pair, slice(None)) for name in NAMES}}
    found["of_three"] = {name: value(name, pair, slice(0, 3)) for name in NAMES}
    torch.distributed.init_process_group("gloo", f"file://{store}", world_size=2, rank=rank)
    found["two"] = {name: value(name, pair, slice(0, 3) if rank == 0 else slice(3, 5)) for name in NAMES}
    warnings.filterwarnings("ignore", message="The ``compute`` method of metric")
    found["idle"] = {name: value(name, pair, slice(0, 3) if rank == 0 else None) for name in NAMES}
    try:
        value("cdc", pair, slice(0, 5))
    except RuntimeError as error:
        found["cdc"] = str(error)
    torch.distributed.destroy_process_group()
    return found


def main(folder: Path) -> int:
    pickled, pair = (torch.load(folder / name, weights_only=False) for name in ("metric.pt", "pair.pt"))
    from colorbench.metrics import torchmetric_classes

    torchmetric_classes.inception_features = features_stand_in
    for name in ("fid", "kid"):
        torchmetric_classes.class_of(name).width = 6
    rank = 0 if (child := os.fork()) else 1
    (folder / f"{rank}.json").write_text(json.dumps(together(folder / "store", rank)))
    if rank:
        return 0
    pickled.update(pair[0][1:], pair[1][1:])
    (folder / "pickled.json").write_text(json.dumps(pickled.compute().item()))
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
