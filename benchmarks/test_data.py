"""Photos per second: the usual tutorial pipeline, decoding into the store, and the cached store; and what a loader costs.

`COLORBENCH_PHOTOS=FOLDER` measures on those photos, otherwise on synthetic JPEGs. Compare medians.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorbench.data import PhotoLoader, PhotoSet, load_dataset_photos
from colorbench.data.fit import fit_photo, make_preprocessing
from colorbench.photo import decode_photo

COUNT, SIZE_PX, BATCH = 128, 256, 16


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    if folder := os.environ.get("COLORBENCH_PHOTOS"):
        return sorted(Path(folder).rglob("*.jpg"))[:COUNT]
    made = tmp_path_factory.mktemp("photos")
    for seed in range(COUNT):
        coarse = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((320, 256), Image.Resampling.BICUBIC).save(made / f"{seed:03d}.jpg", quality=90)
    return sorted(made.iterdir())


@pytest.fixture(scope="module")
def folder(files, tmp_path_factory) -> Path:
    """The same files alone in a folder."""
    links = tmp_path_factory.mktemp("links")
    for number, file in enumerate(files):
        (links / f"{number:03d}.jpg").symlink_to(file.resolve())
    return links


def report(benchmark, photos: int) -> None:
    benchmark.extra_info["photos_per_second"] = round(photos / benchmark.stats.stats.median)


@pytest.mark.benchmark(group="photos to the first batch")
def test_tutorial_pipeline(benchmark, files):
    """PIL, resize, scikit-image Lab, one photo after the other: what every epoch of a tutorial loop does."""
    from skimage.color import rgb2lab

    def pipeline():
        for file in files:
            with Image.open(file) as image:
                pixels = np.asarray(image.convert("RGB").resize((SIZE_PX, SIZE_PX)))
            torch.from_numpy(rgb2lab(pixels).astype(np.float32)).permute(2, 0, 1)

    benchmark.pedantic(pipeline, rounds=3, warmup_rounds=1)
    report(benchmark, len(files))


@pytest.mark.benchmark(group="photos to the first batch")
def test_decode_and_fit_one_thread(benchmark, files):
    settings = make_preprocessing("crop", SIZE_PX, store_px=None, tile_short_px=None, min_px=1, half="")

    def pipeline():
        for file in files:
            fit_photo(decode_photo(file, least_px=SIZE_PX), settings, "train")

    benchmark.pedantic(pipeline, rounds=3, warmup_rounds=1)
    report(benchmark, len(files))


@pytest.mark.benchmark(group="photos to the first batch")
def test_build_the_store(benchmark, folder, tmp_path):
    """Everything at the first use: hash, decode, fit, perceptual hash, flags, checksums, fsync."""
    caches = iter(range(1000))

    def build():
        load_dataset_photos("folder", source=folder, size_px=SIZE_PX, min_px=1, cache_dir=tmp_path / str(next(caches)))

    benchmark.pedantic(build, rounds=3, warmup_rounds=1)
    report(benchmark, COUNT)


@pytest.mark.benchmark(group="photos to the first batch")
def test_open_the_store(benchmark, folder, tmp_path):
    """Every later use: list, find, check all checksums, map."""
    settings = {"source": folder, "size_px": SIZE_PX, "min_px": 1, "cache_dir": tmp_path}
    load_dataset_photos("folder", **settings)
    benchmark(lambda: load_dataset_photos("folder", **settings))
    report(benchmark, COUNT)


def _load_batches(benchmark, photos: PhotoSet, crop_px: int, resident: bool) -> None:
    steps = iter(range(10**9))
    with PhotoLoader(photos, "cpu", BATCH, seed=0, crop_px=crop_px, resident=resident) as loader:
        benchmark(lambda: loader.batch_at(next(steps)))
    report(benchmark, BATCH)


@pytest.mark.benchmark(group="one batch of 16")
@pytest.mark.parametrize("resident", [True, False], ids=["resident", "streamed"])
@pytest.mark.parametrize("margin_px", [0, 30])
def test_batches(benchmark, resident, margin_px):
    pixels = np.random.default_rng(0).integers(
        0, 256, (512, 3, SIZE_PX + margin_px, SIZE_PX + margin_px), dtype=np.uint8
    )
    _load_batches(benchmark, PhotoSet.from_pixels(pixels), SIZE_PX, resident)


@pytest.mark.benchmark(group="one batch of 16")
def test_batches_from_a_20_gb_file(benchmark, tmp_path):
    """A sparse stand-in for photos that fit in no memory: its size is real, its content zeros."""
    shape = (102_000, 3, SIZE_PX, SIZE_PX)
    with open(tmp_path / "sparse.u8", "wb") as file:
        file.truncate(int(np.prod(shape)))
    pixels = np.memmap(tmp_path / "sparse.u8", dtype=np.uint8, mode="c", shape=shape)
    _load_batches(benchmark, PhotoSet.from_pixels(pixels), SIZE_PX, resident=False)
