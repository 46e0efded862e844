"""Set-up of a cell, off the clock: generator, head, objective with its prior, and what the record says of them."""

from typing import NamedTuple

import torch
from torch import nn

import colorbench
from colorbench.cell import Cell, Recipe
from colorbench.data import Photos
from colorbench.generators import BASELINES, GENERATORS, build_generator
from colorbench.generators.build import recorded_options
from colorbench.losses import build_loss
from colorbench.losses.objective import Objective
from colorbench.record import DataFacts, GeneratorFacts
from colorbench.training.environment import source_hash
from colorbench.training.heads import head_channels
from colorbench.training.imports import without_compiler
from colorbench.training.statistics import split_statistics
from colorbench.training.trainer import Trainer


class Parts(NamedTuple):
    """What a recipe stands for: the generator, its head's name, the objective."""

    model: nn.Module
    head: str
    objective: Objective


def choose_head(recipe: Recipe, objective: Objective) -> str:
    """The head of a recipe: its own, else what the loss needs, else the one the generator was published with.

    Raises:
        ValueError: the loss needs another head than the recipe states.
    """
    needed = objective.needs_head
    if recipe.head != "auto":
        if needed and recipe.head != needed:
            raise ValueError(f"the loss {recipe.loss!r} needs the head {needed!r}, the recipe says {recipe.head!r}")
        return recipe.head
    return needed or GENERATORS[recipe.generator].head


def build_parts(recipe: Recipe, seed: int) -> Parts:
    """Fresh generator and objective, initialised from the seed."""
    torch.manual_seed(seed)
    objective = build_loss(recipe.loss, recorded=True)
    head = choose_head(recipe, objective)
    options = recorded_options(recipe.generator, recipe.options)
    with without_compiler():
        model = build_generator(recipe.generator, out_channels=head_channels(head), **options)
    return Parts(model, head, objective)


def build_trainer(cell: Cell, photos: Photos, device: torch.device, micro_batch: int | None = None) -> Trainer:
    """A trainer at step 0."""
    parts = build_parts(cell.recipe, cell.seed)
    parts.model.to(device)
    parts.objective.to(device)
    if parts.objective.needs_prior:
        parts.objective.set_prior(split_statistics(photos.train, device).prior.to(device))
    return Trainer(
        parts.model,
        parts.objective,
        cell.recipe,
        head=parts.head,
        seed=cell.seed,
        precision=cell.protocol.precision,
        channels_last=cell.protocol.channels_last,
        compile=cell.protocol.compile,
        micro_batch=micro_batch,
    )


def generator_facts(recipe: Recipe, model: nn.Module | None, macs: int | None = None) -> GeneratorFacts:
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
        source_sha256=source_hash(model),
        source=row.source,
        licence=row.licence,
        citation=row.citation,
        pretrained=getattr(model, "pretrained", None),
    )


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
