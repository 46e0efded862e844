"""What the harness costs around a network, and how much faster its loop is than a tutorial's: linknet, 128 px, batch 16.

Both sides of a comparison take turns inside one run of the real `train_loop`, so that whatever else the machine does meets
both: the loop asks `should_stop` after every step on the CPU (every tenth on a GPU), and there the other side has its turn.
Figures are in `extra_info`; the bars are those of the harness' specification.

    JAXTYPING_DISABLE=1 OMP_NUM_THREADS=2 pytest benchmarks/test_training.py --benchmark-only -s

`COLORBENCH_PHOTOS=FOLDER` trains on those photos, otherwise on synthetic JPEGs.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from colorbench.batch import Batch
from colorbench.cell import Budget, Cell, Protocol, Recipe
from colorbench.data import PhotoLoader, Photos, load_dataset_photos
from colorbench.generators import build_generator
from colorbench.suites.budget import with_steps
from colorbench.training.loop import train_loop
from colorbench.training.run_log import Costs, RunLog

SIZE_PX, BATCH, COUNT, WARM_UP = 128, 16, 96, 4
START_UP = """
import os, sys, time
from pathlib import Path
from colorbench.grid import worker
from colorbench.training.trainer import Trainer
step = Trainer.step
def first(self, *arguments):
    began = time.time()
    step(self, *arguments)
    print(began, time.time(), flush=True)
    os._exit(0)
Trainer.step = first
worker.main(Path(sys.argv[1]))
"""


@pytest.fixture(scope="module", autouse=True)
def eager(tmp_path_factory):
    """As in a worker."""
    patch = pytest.MonkeyPatch()
    patch.setenv("COLORBENCH_COMPILE", "0")
    patch.setenv("COLORBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """COUNT photos alone in a folder."""
    made = tmp_path_factory.mktemp("photos")
    found = sorted(Path(os.environ.get("COLORBENCH_PHOTOS", made)).rglob("*.jpg"))[:COUNT]
    for number, file in enumerate(found):
        (made / f"{number:03d}.jpg").symlink_to(file.resolve())
    for seed in range(COUNT if not found else 0):
        coarse = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((320, 256), Image.Resampling.BICUBIC).save(made / f"{seed:03d}.jpg", quality=90)
    return made


@pytest.fixture(scope="module")
def photos(folder) -> Photos:
    return load_dataset_photos("folder", source=folder, size_px=SIZE_PX, fit="crop", test_share=0.2)


def cell_of(photos: Photos, steps: int, generator: str = "linknet", precision: str = "fp32") -> Cell:
    budget = Budget(kind="steps", amount=steps)
    protocol = Protocol(dataset="folder", size_px=SIZE_PX, batch=BATCH, budget=budget, precision=precision)
    recipe = Recipe(generator=generator, loss="l1")
    return with_steps(Cell(suite="speed", protocol=protocol, recipe=recipe, seed=0, data_hash=photos.hash))


def take_turns(
    photos: Photos,
    folder: Path,
    device: str,
    rounds: int,
    steps: int,
    other: Callable[[], None],
    precision: str = "fp32",
) -> tuple[list[float], list[float], Costs]:
    """Seconds of `steps` steps of the real loop and of one call of `other`, `rounds` of each in turn; and the loop's costs."""
    ours, theirs, costs, calls, began = [], [], Costs(), 0, 0.0

    def other_side() -> bool:
        nonlocal calls, began
        calls += 1
        if calls < WARM_UP:
            other()
        elif (calls - WARM_UP) % steps == 0:
            ended = seconds_now(device)
            ours.append(ended - began)
            other()
            theirs.append(seconds_now(device) - ended)
        if calls < WARM_UP or (calls - WARM_UP) % steps == 0:
            began = seconds_now(device)
        return False

    block = 10 if device == "cuda" else 1
    cell = cell_of(photos, block * (WARM_UP + rounds * steps), precision=precision)
    log = RunLog(folder)
    train_loop(cell, photos, folder, torch.device(device), costs=costs, log=log, should_stop=other_side)
    return ours[1:], theirs[1:], costs  # the first turn has no whole round before it


def seconds_now(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def bare_step(photos: Photos, device: str) -> Callable[[], None]:
    """The network alone, on one batch that lies there: forward, backward, optimizer."""
    network = build_generator("linknet").to(device).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-4, betas=(0.9, 0.99), fused=device == "cuda")
    with PhotoLoader(photos.train, device, BATCH, seed=0, crop_px=SIZE_PX) as loader:
        truth = Batch.from_rgb(loader.batch_at(0))
    gray, target = truth.gray.contiguous(memory_format=torch.channels_last), truth.ab / 110

    def step() -> None:
        for _ in range(10 if device == "cuda" else 1):
            nn.functional.l1_loss(network(gray).tanh(), target).backward()
            optimizer.step()
            optimizer.zero_grad()

    return step


class TutorialPhotos(torch.utils.data.Dataset):
    """PIL, resize, flip, scikit-image Lab, one photo after the other."""

    def __init__(self, files: list[Path], length: int):
        self.files, self.length = files, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        from skimage.color import rgb2lab

        with Image.open(self.files[index % len(self.files)]) as image:
            picture = image.convert("RGB").resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC)
        if np.random.rand() < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        lab = torch.from_numpy(rgb2lab(np.asarray(picture)).astype("float32")).permute(2, 0, 1)
        return lab[:1] / 50 - 1, lab[1:] / 110


def tutorial_epoch(folder: Path, device: str, steps: int) -> Callable[[], None]:
    """An epoch of the usual loop: DataLoader with two workers, float32, eager, the loss read at every step."""
    network = build_generator("linknet").to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-4)
    dataset = TutorialPhotos(sorted(folder.iterdir()), steps * BATCH)
    loader = torch.utils.data.DataLoader(
        dataset, BATCH, shuffle=True, num_workers=2, persistent_workers=True, pin_memory=device == "cuda"
    )

    def epoch() -> None:
        running = 0.0
        for gray, ab in loader:
            gray, ab = gray.to(device), ab.to(device)
            optimizer.zero_grad()
            loss = nn.functional.l1_loss(network(gray).tanh(), ab)
            loss.backward()
            optimizer.step()
            running += loss.item()

    return epoch


def report(benchmark, **figures: float | str) -> None:
    benchmark.extra_info |= figures | {"load": round(os.getloadavg()[0], 2), "threads": torch.get_num_threads()}
    print("", *(f"{key} {value}" for key, value in benchmark.extra_info.items()), sep="\n  ")


def once(benchmark, function: Callable):
    """Time it as a whole, once: the figures that count are inside."""
    return benchmark.pedantic(function, rounds=1, iterations=1)


def test_against_the_bare_network(benchmark, photos, tmp_path, device):
    """Bar: steps/s within 3 % of the bare network's, data wait below 2 %."""
    ours, bare, costs = once(benchmark, lambda: take_turns(photos, tmp_path, device, 40, 1, bare_step(photos, device)))
    ratios = [one / other for one, other in zip(ours, bare)]
    report(
        benchmark,
        device=device,
        steps_per_second=round(1 / statistics.median(ours), 3),
        bare_steps_per_second=round(1 / statistics.median(bare), 3),
        over_bare=round(statistics.median(ours) / statistics.median(bare), 4),
        over_bare_pairwise=round(statistics.median(ratios), 4),
        over_bare_best=round(min(ours) / min(bare), 4),
        data_wait_share=round(costs.data_wait_seconds / (statistics.median(ours) * (WARM_UP + 40)), 5),
        bar="over_bare <= 1.03, data_wait_share < 0.02",
    )


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_against_a_tutorial_loop(benchmark, photos, folder, tmp_path, device, precision):
    """Bar: 1.5 x on two CPU cores, 8 x on an H200 (linknet), in the precision that suits the device: bf16 where it has it."""
    rounds, steps, tutorial = 4, 8, tutorial_epoch(folder, device, 8)
    ours, theirs, _ = once(benchmark, lambda: take_turns(photos, tmp_path, device, rounds, steps, tutorial, precision))
    block = 10 if device == "cuda" else 1
    report(
        benchmark,
        device=device,
        precision=precision,
        photos_per_second=round(steps * block * BATCH / statistics.median(ours), 1),
        tutorial_photos_per_second=round(steps * BATCH / statistics.median(theirs), 1),
        faster=round(block * statistics.median(theirs) / statistics.median(ours), 3),
        bar="faster >= 1.5 on 2 CPU cores",
    )


@pytest.mark.parametrize("generator", ["linknet", "unet"])
def test_start_up(benchmark, photos, folder, tmp_path, generator):
    """A worker, from the start of its process to its first step, and to that step's end. Bar: 12 s to the step on the CPU."""
    from colorbench.grid.worker import Job

    job = Job(tmp_path, cell_of(photos, 1, generator), ("psnr",), source=str(folder), device="cpu", threads=2)
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(tmp_path / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    command, moments = [sys.executable, "-c", START_UP, str(tmp_path)], []

    def start() -> None:  # the first, a warm-up, leaves the bytecode of everything that is imported
        job.write()
        began = time.time()
        process = subprocess.run(command, capture_output=True, text=True, env=environment)
        moments.append([float(word) - began for word in process.stdout.split()[-2:]])

    benchmark.pedantic(start, rounds=3, iterations=1, warmup_rounds=1)
    step_begins, step_ends = (round(statistics.median(times), 2) for times in zip(*moments[1:]))
    report(benchmark, generator=generator, start_up_seconds=step_begins, with_first_step=step_ends, bar="< 12 s")


def test_off_the_clock(benchmark, photos, folder, tmp_path, device):
    """Evaluation and checkpoints of a whole cell. Bar: below 10 % of the wall time of a cell of tier `s` (120 s)."""
    from colorbench.training.train import train

    cell = cell_of(photos, 5)
    record = once(benchmark, lambda: train(cell, tmp_path, source=folder, device=device))
    off = record.cost.evaluation_seconds + record.cost.checkpoint_seconds
    report(
        benchmark,
        device=device,
        evaluated_photos=record.data.n_test,
        evaluation_seconds=round(record.cost.evaluation_seconds, 2),
        checkpoint_seconds=round(record.cost.checkpoint_seconds, 2),
        share_of_tier_s=round(off / (120 + off), 4),
        bar="share_of_tier_s < 0.1",
    )
