"""Pictures to measure, and the reference files that some tests need."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorbench.data.embedded import find_embedded


@pytest.fixture
def pair():
    """(pred, target): smooth random pictures with noise, (3, 3, 48, 40)."""
    return noisy_pair((3, 3, 48, 40))


@pytest.fixture
def large_pair():
    """(pred, target) large enough for ms-ssim, odd sides."""
    return noisy_pair((2, 3, 181, 176))


def noisy_pair(shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((*shape[:2], 9, 9), generator=generator)
    target = torch.nn.functional.interpolate(coarse, shape[2:], mode="bicubic").clamp(0, 1)
    pred = (target + 0.08 * torch.randn(shape, generator=generator)).clamp(0, 1)
    return pred, target


def small_photos() -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs `(prediction, photo)` of uint8 `(h, w, 3)`: embedded photos, and their colors faded and noisy."""
    pairs = []
    for k, source in enumerate(find_embedded(None).sources[:3]):
        image = Image.open(io.BytesIO(source.read())).convert("RGB")
        image.thumbnail((96, 70 + 20 * k))
        photo = np.array(image)
        gray = photo.mean(axis=2, keepdims=True)
        noise = np.random.default_rng(k).normal(0, 4 + 4 * k, photo.shape)
        pairs.append(((gray + 0.6 * (photo - gray) + noise).clip(0, 255).round().astype(np.uint8), photo))
    return pairs


def random_features(n, width=48, shift=0.0, seed=0):
    """Correlated normal features `(n, width)`."""
    draw = torch.Generator().manual_seed(seed)
    mix = torch.randn(width, width, generator=torch.Generator().manual_seed(9)) / width**0.5
    return torch.randn(n, width, generator=draw) @ mix + shift


@pytest.fixture
def reference(weights):
    folder = Path(os.environ.get("COLORBENCH_REFERENCE", weights.parent / "reference"))
    if not folder.is_dir():
        pytest.skip("set COLORBENCH_REFERENCE to the folder with lpips/ex_ref.png")
    return folder


@pytest.fixture
def read_png():
    def read(path):
        return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).movedim(-1, 0)[None].float() / 255

    return read
