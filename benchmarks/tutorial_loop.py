"""Photos per second: colorbench's training step beside the training loop of the tutorials, on the same device and networks.

    python -m benchmarks.tutorial_loop PHOTOS [--device cuda:0] [--size 128] [--batch 16] [--steps 200] [--workers 4]

The tutorials' loop decodes JPEGs and turns them to Lab in a DataLoader, trains in torch's default float32 with Adam, and
reads the loss every step; `tuned` is the same loop in bfloat16 and channels-last, with one worker per core but two.
Colorbench keeps photos on the device and replays its step as a CUDA graph; its photos are random here, which costs the
same. A Markdown table.
"""

import argparse
import gc
import os
import time
from itertools import chain, pairwise, repeat
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from colorbench.cell import Budget, Cell, Protocol, Recipe
from colorbench.data import Photos, PhotoSet
from colorbench.data.load import Report
from colorbench.files import PICTURE_ENDINGS
from colorbench.generators import build_generator
from colorbench.training.step_timer import StepTimer

GAN = "100*l1 + patchgan"
CASES = (("unet-pix2pix", {"depth": 7}, "l1"), ("unet-resnet18", {}, GAN), ("unet", {}, "l1"))
WARM_UP, BLOCKS = 40, 3


class TutorialPhotos(Dataset):
    """L in [-1, 1] and ab / 110 of every photo, computed anew each time, as the tutorials do."""

    def __init__(self, folder: Path, size_px: int):
        self.paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_ENDINGS)
        self.size_px = size_px

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        from skimage.color import rgb2lab

        photo = (
            Image.open(self.paths[index]).convert("RGB").resize((self.size_px, self.size_px), Image.Resampling.BICUBIC)
        )
        lab = torch.from_numpy(rgb2lab(np.asarray(photo)).astype(np.float32)).permute(2, 0, 1)
        return lab[:1] / 50 - 1, lab[1:] / 110


class TutorialLoop:
    """Generator, and a PatchGAN critic when the loss has one."""

    def __init__(self, generator: str, options: dict, adversarial: bool, device: torch.device, tuned: bool):
        memory = torch.channels_last if tuned else torch.contiguous_format
        self.device, self.tuned = device, tuned
        self.generator = build_generator(generator, 2, **options).to(device, memory_format=memory)
        self.critic = _patchgan().to(device) if adversarial else None
        networks = [self.generator, self.critic] if self.critic else [self.generator]
        self.optimizers = [torch.optim.Adam(each.parameters(), lr=2e-4, betas=(0.5, 0.999)) for each in networks]

    def step(self, gray: torch.Tensor, ab: torch.Tensor) -> float:
        gray, ab = gray.to(self.device), ab.to(self.device)
        with self._precision():
            painted = self.generator(gray)
        total = nn.functional.l1_loss(painted.float(), ab)
        if self.critic is not None:
            real, fake = torch.cat([gray, ab], 1), torch.cat([gray, painted.float()], 1)
            with self._precision():
                verdicts = self.critic(fake.detach()), self.critic(real)
            self._update(1, (_bce(verdicts[0], 0.0) + _bce(verdicts[1], 1.0)) / 2)
            with self._precision():
                total = 100 * total + _bce(self.critic(fake), 1.0)
        self._update(0, total)
        return total.item()

    def _update(self, index: int, loss: torch.Tensor) -> None:
        self.optimizers[index].zero_grad()
        loss.backward()
        self.optimizers[index].step()

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.tuned)


def _bce(verdict: torch.Tensor, wanted: float) -> torch.Tensor:
    return nn.functional.binary_cross_entropy_with_logits(verdict.float(), torch.full_like(verdict.float(), wanted))


def _patchgan() -> nn.Sequential:
    layers, widths = [], (3, 64, 128, 256, 512)
    for level, (inputs, outputs) in enumerate(pairwise(widths)):
        layers += [nn.Conv2d(inputs, outputs, 4, 2 if level < 3 else 1, 1)]
        layers += [nn.BatchNorm2d(outputs)] if level else []
        layers += [nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(512, 1, 4, 1, 1))


def tutorial_speed(case, photos: Dataset, args: argparse.Namespace, *, tuned: bool) -> float:
    """Photos per second of the tutorials' loop."""
    generator, options, loss = case
    loop = TutorialLoop(generator, options, loss == GAN, args.device, tuned)
    workers = max(1, (os.cpu_count() or 3) - 2) if tuned else args.workers
    loader = DataLoader(
        photos, args.batch, shuffle=True, num_workers=workers, drop_last=True, pin_memory=args.device.type == "cuda",
        persistent_workers=True,
    )  # fmt: skip
    began = 0.0
    for done, (gray, ab) in enumerate(chain.from_iterable(repeat(loader))):
        if done == WARM_UP:
            began = time.perf_counter()
        if done == WARM_UP + args.steps:
            break
        loop.step(gray, ab)  # reads the loss, so that the clock is the device's
    return args.batch * args.steps / (time.perf_counter() - began)


def colorbench_speed(case, args: argparse.Namespace, precision: str) -> float:
    """Photos per second of a cell's training step: the median of three blocks."""
    generator, options, loss = case
    pixels = np.random.default_rng(0).integers(0, 256, (256, 3, args.size, args.size), dtype=np.uint8)
    photos = Photos(*[PhotoSet.from_pixels(pixels)] * 2, "0" * 64, Report(256, 256, 256))
    protocol = Protocol(
        dataset="folder",
        size_px=args.size,
        batch=args.batch,
        precision=precision,
        budget=Budget(kind="steps", amount=1),
    )
    recipe = Recipe(generator=generator, options=options, loss=loss, head="ab")
    timer = StepTimer(
        Cell(suite="speed", protocol=protocol, recipe=recipe, seed=0, data_hash="0" * 64), photos, args.device
    )
    timer.warm_up(WARM_UP // 2)
    seconds = sorted(timer.take(max(1, args.steps // BLOCKS)) for _ in range(BLOCKS))[BLOCKS // 2]
    timer.close()
    return args.batch / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument(
        "--device", type=torch.device, default=torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    )
    for name, default in (("size", 128), ("batch", 16), ("steps", 200), ("workers", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    photos = TutorialPhotos(args.photos, args.size)
    on_gpu = args.device.type == "cuda"  # bfloat16 is emulated on most CPUs
    columns = ["tutorial", "tuned", "colorbench fp32", "colorbench bf16"] if on_gpu else ["tutorial", "colorbench fp32"]
    print("| network, loss |", *(f"{column} |" for column in columns))
    print("|---|" + "---:|" * len(columns))
    for case in CASES:
        speeds = {
            "tutorial": lambda case=case: tutorial_speed(case, photos, args, tuned=False),
            "tuned": lambda case=case: tutorial_speed(case, photos, args, tuned=True),
            "colorbench fp32": lambda case=case: colorbench_speed(case, args, "fp32"),
            "colorbench bf16": lambda case=case: colorbench_speed(case, args, "bf16"),
        }
        row = []
        for column in columns:
            row.append(f"{speeds[column]():.1f} |")
            gc.collect()  # a generator's memory goes before the next is timed
        print(f"| {case[0]}, {case[2]} |", *row, flush=True)


if __name__ == "__main__":
    main()
