"""One of two processes: scores its share, prints what the metrics are together and what one process gives for all."""

import json
import sys
import warnings

import torch

from colorbench.metrics import as_torchmetric, torchmetric_classes


def features_stand_in(rgb):
    """Six numbers a picture: the synchronization is tested, not Inception."""
    return torch.cat([rgb.mean(dim=(2, 3)), rgb.std(dim=(2, 3))], dim=1)


def value(name, pair, share):
    metric = as_torchmetric(name)
    if share is not None:
        metric.update(pair[0][share], pair[1][share])
    return metric.compute().item()


def main(store, rank):
    torchmetric_classes.inception_features = features_stand_in
    for name in ("fid", "kid"):
        torchmetric_classes.class_of(name).width = 6
    draw = torch.Generator().manual_seed(0)
    target = torch.rand(5, 3, 16, 16, generator=draw)
    pair = (target + 0.1 * torch.randn(target.shape, generator=draw)).clamp(0, 1), target
    names = ("psnr", "ssim", "colorfulness", "fid", "kid", "delta-cf")
    one = {name: value(name, pair, slice(None)) for name in names}
    of_three = {name: value(name, pair, slice(0, 3)) for name in names}
    torch.distributed.init_process_group("gloo", f"file://{store}", world_size=2, rank=rank)
    two = {name: value(name, pair, slice(0, 3) if rank == 0 else slice(3, 5)) for name in names}
    warnings.filterwarnings("ignore", message="The ``compute`` method of metric")
    idle = {name: value(name, pair, slice(0, 3) if rank == 0 else None) for name in names}
    torch.distributed.destroy_process_group()
    print(json.dumps({"one": one, "two": two, "of_three": of_three, "idle": idle}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
