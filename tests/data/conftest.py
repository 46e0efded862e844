"""Synthetic photos: smooth random color, so that no two are near-duplicates."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorbench.data import PhotoSet


def random_photo(seed: int, width: int = 48, height: int = 40) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def write_photos(folder: Path, seeds, suffix: str = "png", **size) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        Image.fromarray(random_photo(seed, **size)).save(folder / f"photo-{seed:03d}.{suffix}")
    return folder


@pytest.fixture
def tree(tmp_path):
    """Twelve photos, in two folders."""
    write_photos(tmp_path / "photos" / "b", range(6, 12))
    return write_photos(tmp_path / "photos", range(6)).resolve()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("COLORBENCH_CACHE", str(folder))
    return folder


@pytest.fixture
def numbered():
    """37 pictures of 12 px whose first pixel is their row number."""
    pixels = np.random.default_rng(0).integers(0, 256, (37, 3, 12, 12), dtype=np.uint8)
    pixels[:, 0, 0, 0] = np.arange(37)
    return PhotoSet.from_pixels(pixels)
