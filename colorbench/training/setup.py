"""Set-up of a cell, off the clock: generator, head and objective, the photos' loaders, and what the record says of them."""

import inspect
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

import colorbench
from colorbench.batch import Batch
from colorbench.cell import Cell, Recipe
from colorbench.color import AbPrior
from colorbench.data import PhotoLoader, Photos, PhotoSet
from colorbench.files import file_sha256
from colorbench.generators import BASELINES, GENERATORS
from colorbench.losses import build_loss
from colorbench.record import DataFacts, GeneratorFacts
from colorbench.suites.step_table import head_of
from colorbench.training.heads import Forward, build_network, unbuilt_network
from colorbench.training.trainer import Trainer

_MOST_PHOTOS = 10_000  # for statistics, evenly spaced; more of them do not move the estimate
_STATISTICS_BATCH = 64
_OTHERS = 7_919  # added to the seed of the unpaired photos' order


def build_trainer(cell: Cell, photos: Photos, device: torch.device, micro_batch: int | None = None) -> Trainer:
    """A trainer at step 0, initialized from the cell's seed."""
    recipe = cell.recipe
    torch.manual_seed(cell.seed)
    objective = build_loss(recipe.loss, recorded=True)  # before the generator: both draw from the seed
    head = head_of(recipe)
    model = build_network(recipe, head).to(device)
    objective.to(device)
    if device.type == "cuda" and cell.protocol.precision == "bf16":
        objective.use_bf16_networks()
    if objective.needs_prior:
        objective.set_prior(split_statistics(photos.train, device).prior)  # checked on the CPU, then copied
    return Trainer(Forward(model, head, cell, compile=cell.protocol.compile), objective, cell, micro_batch)


class Loaders:
    """The training photos of one cell: a loader per picture size, opened when first needed.

    Unpaired losses get a second one, of the same photos in another order. `streamed`: no photos stay on the device.
    """

    def __init__(self, cell: Cell, photos: Photos, device: torch.device, *, streamed: bool = False):
        self.cell, self.train, self.device, self.streamed = cell, photos.train, device, streamed
        self._open: dict[tuple[int, int], PhotoLoader] = {}

    def photos(self, step: int, share: float) -> Tensor:
        """uint8 photos of this step, at the size of this share of the budget."""
        return self._loader(share, self.cell.seed).batch_at(step)

    def others(self, step: int, share: float) -> Tensor:
        """The unpaired photos of this step."""
        return self._loader(share, self.cell.seed + _OTHERS).batch_at(step)

    @property
    def wait_seconds(self) -> float:
        """How long training has waited for photos."""
        return sum(loader.wait_seconds for loader in self._open.values())

    @property
    def resident_bytes(self) -> int:
        """What all photos take on a GPU: memory that the recipe does not need."""
        if self.device.type != "cuda":
            return 0
        return self.train.pixels.nbytes if any(loader.resident for loader in self._open.values()) else 0

    def close(self) -> None:
        for loader in self._open.values():
            loader.close()

    def _loader(self, share: float, seed: int) -> PhotoLoader:
        protocol = self.cell.protocol
        size = self.cell.recipe.phases.size_at(share, protocol.size_px)
        if (size, seed) not in self._open:
            self._open[size, seed] = PhotoLoader(
                self.train, self.device, protocol.batch, seed, crop_px=size, flip=protocol.flip,
                resident=False if self.streamed else None,
            )  # fmt: skip
        return self._open[size, seed]


class SplitStatistics(NamedTuple):
    """`mean_ab` `(2,)` in Lab units; `prior` `(313,)`, smoothed, sum 1."""

    mean_ab: Tensor
    prior: Tensor


def split_statistics(photos: PhotoSet, device: torch.device) -> SplitStatistics:
    """Mean ab and the prior over the color bins of a train split, from every fourth pixel each way, the grid of logits."""
    rows = np.unique(np.linspace(0, len(photos) - 1, min(len(photos), _MOST_PHOTOS)).astype(int))
    prior, total, pixels = AbPrior(), torch.zeros(2, dtype=torch.float64), 0
    for start in range(0, len(rows), _STATISTICS_BATCH):
        block = torch.from_numpy(np.array(photos.pixels[rows[start : start + _STATISTICS_BATCH]]))[..., ::4, ::4]
        ab = Batch.from_rgb(block.contiguous().to(device)).ab
        prior.update(ab)
        total += ab.double().sum(dim=(0, 2, 3)).cpu()
        pixels += ab[:, 0].numel()
    return SplitStatistics((total / pixels).float(), prior.prior())


def generator_facts(recipe: Recipe, model: torch.nn.Module | None, macs: int | None = None) -> GeneratorFacts:
    """What the record says about the generator (or the baseline, when there is no model). `macs` of one picture."""
    if model is None:
        source = BASELINES[recipe.generator].source if recipe.generator in BASELINES else ""
        return GeneratorFacts(version=colorbench.__version__, parameters=0, trainable_parameters=0, source=source)
    row, parameters = GENERATORS[recipe.generator], list(model.parameters())
    return GeneratorFacts(
        version=colorbench.__version__,
        parameters=sum(p.numel() for p in parameters),
        trainable_parameters=sum(p.numel() for p in parameters if p.requires_grad),
        macs=macs,
        source_sha256=_source_sha256(type(model)),
        source=row.source,
        licence=row.licence,
        citation=row.citation,
        pretrained=getattr(model, "pretrained", None),
    )


def _source_sha256(kind: type) -> str | None:
    """Of the file that defines a generator's class; None when there is no file."""
    try:
        return file_sha256(Path(inspect.getfile(kind)))
    except (TypeError, OSError):
        return None


def unbuilt_generator(recipe: Recipe) -> torch.nn.Module | None:
    """The generator of a cell that failed or was skipped, on the meta device, for its size; None when it cannot be built."""
    untrained = recipe.untrained
    try:
        return unbuilt_network(untrained, head_of(untrained))
    except Exception:  # perhaps the very thing that failed
        return None


def data_facts(cell: Cell, photos: Photos) -> DataFacts:
    """What the record says about the photos."""
    return DataFacts(
        id=cell.protocol.dataset,
        hash=photos.hash,
        split=f"by content, test share {cell.protocol.test_share:g}",
        n_train=len(photos.train),
        n_test=len(photos.test),
        n_skipped=len(photos.report.skipped),
    )
