"""What a cell is set up with: statistics of the photos, loaders, a trainer from the seed, and what the record says."""

import numpy as np
import pytest
import torch

from colorbench.cell import Phases, Recipe
from colorbench.color import nearest_bin
from colorbench.data import PhotoSet, load_protocol_photos
from colorbench.training.setup import (
    Loaders,
    build_trainer,
    data_facts,
    generator_facts,
    split_statistics,
    unbuilt_generator,
)
from tests.training.cells import small_cell

CPU = torch.device("cpu")
RED_AB = (80.09, 67.20)  # of sRGB red, as tables of CIE Lab have it


def rows_of(photos) -> set[bytes]:
    return {np.asarray(photo).tobytes() for photo in photos}


def test_statistics_of_photos_of_two_colors():
    pixels = np.full((4, 3, 8, 8), 128, dtype=np.uint8)
    pixels[0] = np.array([255, 0, 0], dtype=np.uint8)[:, None, None]
    found = split_statistics(PhotoSet.from_pixels(pixels), CPU)
    np.testing.assert_allclose(found.mean_ab, np.array(RED_AB) / 4, atol=0.02)
    red, gray = (nearest_bin(torch.tensor(ab).view(1, 2, 1, 1)).item() for ab in (RED_AB, (0.0, 0.0)))
    assert found.prior.sum() == pytest.approx(1)
    assert found.prior.argmax() == gray
    assert found.prior[red] > 100 * found.prior.median()


def test_a_trainer_follows_from_the_seed():
    cell = small_cell("classification")
    photos = load_protocol_photos(cell.protocol)
    first, again, other = (
        build_trainer(one, photos, CPU).model.state_dict() for one in (cell, cell, cell.model_copy(update={"seed": 1}))
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_loaders_give_the_training_photos_and_the_unpaired_in_another_order():
    cell = small_cell(flip=False)
    photos = load_protocol_photos(cell.protocol)
    loaders = Loaders(cell, photos, CPU)
    steps = len(photos.train) // cell.protocol.batch
    shown = [rows_of(loaders.photos(step, 0.0)) for step in range(steps)]
    others = [rows_of(loaders.others(step, 0.0)) for step in range(steps)]
    loaders.close()
    assert set.union(*shown) == set.union(*others) == rows_of(photos.train.pixels)
    assert shown != others


def test_loaders_follow_the_sizes_of_the_phases():
    recipe = Recipe(generator="unet", loss="l1", phases=Phases(sizes_px=(16, 32)))
    cell = small_cell(recipe=recipe, size_px=32)
    loaders = Loaders(cell, load_protocol_photos(cell.protocol), CPU)
    assert [loaders.photos(0, share).shape[-1] for share in (0.0, 0.6)] == [16, 32]
    loaders.close()


def test_facts_of_a_generator_are_the_same_built_or_not():
    recipe = small_cell().recipe
    model = unbuilt_generator(recipe)
    assert all(parameter.is_meta for parameter in model.parameters())
    model.requires_grad_(False)
    next(model.parameters()).requires_grad_(True)
    facts = generator_facts(recipe, model)
    assert facts.parameters == sum(value.numel() for value in model.parameters())
    assert facts.trainable_parameters == next(model.parameters()).numel()
    assert len(facts.source_sha256) == 64
    assert unbuilt_generator(Recipe(generator="unet", loss="l1", options={"width": "wide"})) is None
    assert generator_facts(Recipe(generator="gray"), None).parameters == 0


def test_facts_of_the_photos():
    cell = small_cell()
    photos = load_protocol_photos(cell.protocol)
    facts = data_facts(cell, photos)
    assert (facts.id, facts.hash, facts.n_train, facts.n_test) == ("embedded", cell.data_hash, 16, 4)
