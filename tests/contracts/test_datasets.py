"""The same promises asked of every dataset."""

import numpy as np
import pytest
from PIL import Image

from colorbench.data import DATASETS, PhotoLoader, load_dataset_photos

KEYS = list(DATASETS)


def pictures(folder, width):
    folder.mkdir()
    for seed in range(8):
        coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((width, 32), Image.Resampling.BICUBIC).save(folder / f"{seed}.png")
    return folder


@pytest.fixture(params=KEYS)
def wanted(request, tmp_path, monkeypatch):
    """What a user gives for this dataset."""
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path / "cache"))
    source = None
    if DATASETS[request.param].needs_source:
        source = pictures(tmp_path / "pictures", 64 if request.param == "paired" else 40)
    if request.param == "train-val":
        for path in sorted(source.iterdir()):
            side = source / ("val" if path.stem in "01" else "train")
            side.mkdir(exist_ok=True)
            path.rename(side / path.name)
    if request.param == "hub":
        datasets = pytest.importorskip("datasets")
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    few = {"limit_train": 6, "limit_test": 2} if DATASETS[request.param].generated else {}
    return {"dataset": request.param, "source": source, "size_px": 32, **few}


@pytest.mark.parametrize("key", KEYS)
def test_row_says_what_it_is(key):
    row = DATASETS[key]
    assert row.key == key == key.lower()
    assert row.description
    assert row.source


def test_split_ids_and_hash(wanted):
    photos = load_dataset_photos(**wanted)
    assert len(photos.train) >= 1
    assert len(photos.test) >= 1
    ids = photos.train.ids + photos.test.ids
    assert len(set(ids)) == len(ids) == photos.report.pictures == 8
    assert not any(name in one for one in ids for name in photos.train.names)
    assert photos.hash == load_dataset_photos(**wanted).hash
    assert len(photos.hash) == 64


@pytest.mark.parametrize("fit", ["crop", "squash", "tiles"])
def test_shapes(wanted, fit):
    photos = load_dataset_photos(**{**wanted, "size_px": 16, "fit": fit, "tile_short_px": 32, "limit_train": 5})
    assert photos.train.pixels.shape == (5, 3, 16, 16)
    assert photos.train.pixels.dtype == np.uint8
    assert photos.train.color_only.shape == photos.train.gray.shape == (5,)


def test_batches(wanted):
    photos = load_dataset_photos(**wanted)
    with PhotoLoader(photos.train, "cpu", batch=3, seed=0, crop_px=24) as loader:
        assert loader.batch_at(10).shape == (3, 3, 24, 24)


def test_a_source_is_asked_for_or_refused(wanted, tmp_path):
    other = None if DATASETS[wanted["dataset"]].needs_source else tmp_path
    with pytest.raises(ValueError, match="source"):
        load_dataset_photos(**{**wanted, "source": other})
