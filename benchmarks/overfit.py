"""Can every generator overfit eight photos? One row per generator, as a Markdown table.

    python benchmarks/overfit.py FOLDER [--steps 120] [--default] [--only KEY ...] [--seed 0]

Parameters, GMACs at 256x256 and seconds per step (64 px, batch 8, AdamW) are those of the default options; the overfitting runs
on narrow versions unless `--default` is given, because the widest need minutes per step on a CPU. Loss: L1 on ab / 110 under
the ab head; `eccv16` also with the cross-entropy to soft-encoded bins under its own head.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from colorbench.batch import Batch, Output
from colorbench.color import soft_encode
from colorbench.files import PICTURE_ENDINGS
from colorbench.generators import GENERATORS, build_generator, describe
from colorbench.metrics import delta_e_2000
from colorbench.tensors import AB_SCALE
from colorbench.training.heads import apply_head, head_channels

SIZE_PX, PHOTOS = 64, 8
NARROW: dict[str, dict[str, object]] = {
    "unet": {"width": 16},
    "unet-pix2pix": {"width": 16, "depth": 6},
    "unet-vgg-style": {"width": 16},
    "unet-vgg16": {},
    "res-unet": {"width": 16, "depth": 6},
    "vgg16-cnn": {"width": 32},
    "resnet-fusion": {"width": 32},
    "unetpp": {"width": 16, "deep_supervision": True},
    "unet3p": {"width": 16, "deep_supervision": True},
    "linknet": {},
    "r2unet": {"width": 16},
    "tri-stream": {"width": 16},
    "unet-resnet18": {},
    "resnet18-light": {},
    "resnet-9blocks": {"width": 16, "depth": 6},
    "eccv16": {"width": 16},
    "siggraph17": {"width": 16},
    "ddcolor-tiny": {"encoder": "convnext_atto", "width": 64, "queries": 32},
}


def load_photos(folder: Path) -> Batch:
    """The first eight photos by name, center-cropped to a square, at 64 px."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_ENDINGS)
    if len(paths) < PHOTOS:
        raise ValueError(f"{folder} has {len(paths)} photos; {PHOTOS} are needed")
    return Batch.from_rgb(torch.stack([_photo(path) for path in paths[:PHOTOS]]))


def _photo(path: Path) -> torch.Tensor:
    photo = Image.open(path).convert("RGB")
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    square = photo.crop((left, top, left + side, top + side)).resize((SIZE_PX, SIZE_PX), Image.Resampling.BOX)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)


def loss_of(output: Output, batch: Batch, head: str) -> torch.Tensor:
    """L1 on ab / 110 (mean over the heads of deep supervision too), or cross-entropy to the soft-encoded bins."""
    if head == "bins":
        indices, weights = soft_encode(batch.ab[..., ::4, ::4])
        return -(weights * output.logits.log_softmax(1).gather(1, indices)).sum(1).mean()
    outputs = [output, *output.extras.get("deep", [])]
    return torch.stack([(each.ab - batch.ab).abs().mean() / AB_SCALE for each in outputs]).mean()


def train(key: str, head: str, options: dict, batch: Batch, steps: int, seed: int) -> tuple[float, float]:
    """delta E 2000 before and after `steps` steps, both in eval mode."""
    torch.manual_seed(seed)
    network = build_generator(key, head_channels(head), **options)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.1)
    start = distance(network, head, batch)
    for _ in range(steps):
        step(network, head, batch, optimizer)
        schedule.step()
    return start, distance(network, head, batch)


def step(network: torch.nn.Module, head: str, batch: Batch, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    loss_of(apply_head(head, network.train()(batch.gray), batch), batch, head).backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()


@torch.no_grad()
def distance(network: torch.nn.Module, head: str, batch: Batch) -> float:
    return delta_e_2000(apply_head(head, network.eval()(batch.gray), batch).rgb, batch.rgb).mean().item()


def seconds_a_step(key: str, batch: Batch) -> float:
    """The better of two steps at the default options, after one to warm up."""
    network = build_generator(key, 2)
    optimizer = torch.optim.AdamW(network.parameters())
    times = []
    for _ in range(3):
        began = time.perf_counter()
        step(network, "ab", batch, optimizer)
        times.append(time.perf_counter() - began)
    return min(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--default", action="store_true", help="overfit the default options, not the narrow ones")
    parser.add_argument("--only", nargs="*", default=list(GENERATORS))
    given = parser.parse_args()
    batch = load_photos(given.folder)
    print("| generator | head | M parameters | GMAC | s/step | overfitted version | dE start | dE end | fall |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for key in given.only:
        facts, seconds = describe(key), seconds_a_step(key, batch)
        options = {} if given.default else NARROW.get(key, {})
        for head in ("ab", "bins") if key == "eccv16" else ("ab",):
            start, end = train(key, head, options, batch, given.steps, given.seed)
            version = ", ".join(f"{k}={v}" for k, v in options.items()) or "default"
            print(
                f"| {key} | {head} | {facts.parameters / 1e6:.2f} | {facts.gmacs:.1f} | {seconds:.2f} | {version} "
                f"| {start:.2f} | {end:.2f} | {1 - end / start:.0%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
