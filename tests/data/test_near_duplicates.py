import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from colorbench.data.near_duplicates import MAX_DISTANCE, near_duplicate_groups, perceptual_hash
from tests.data.conftest import random_photo


def distance(one: np.ndarray, other: np.ndarray) -> int:
    return (perceptual_hash(one) ^ perceptual_hash(other)).bit_count()


def jpeg(photo: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize(
    "change",
    [
        lambda p: jpeg(p, 40),
        lambda p: np.asarray(Image.fromarray(p).resize((150, 111), Image.Resampling.LANCZOS)),
        lambda p: np.asarray(ImageEnhance.Brightness(Image.fromarray(p)).enhance(0.8)),
    ],
    ids=["jpeg", "resize", "darker"],
)
def test_outlives_harmless_changes(change):
    photo = random_photo(1, 200, 150)
    assert distance(photo, change(photo)) <= MAX_DISTANCE


def test_different_photos_are_far_apart():
    hashes = [perceptual_hash(random_photo(seed, 200, 150)) for seed in range(40)]
    assert near_duplicate_groups(hashes) == []


def test_featureless_pictures_have_no_hash():
    assert perceptual_hash(np.full((20, 30, 3), 77, dtype=np.uint8)) is None
    assert near_duplicate_groups([None, None]) == []


@settings(max_examples=40)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=12), st.lists(st.sets(st.integers(0, 63), max_size=8), max_size=12))
def test_equals_comparing_every_pair(hashes, changes):
    """The seven bands miss no pair within six bits and add none beyond."""
    changed = [value ^ sum(1 << bit for bit in bits) for value, bits in zip(hashes, changes)]
    everything = hashes + changed
    together = {frozenset((a, b)) for group in near_duplicate_groups(everything) for a in group for b in group}
    linked = {place: {place} for place in range(len(everything))}
    for a in range(len(everything)):
        for b in range(a):
            if (everything[a] ^ everything[b]).bit_count() <= MAX_DISTANCE and linked[a] is not linked[b]:
                joined = linked[a] | linked[b]
                for place in joined:
                    linked[place] = joined
    expected = {frozenset((a, b)) for group in linked.values() if len(group) > 1 for a in group for b in group}
    assert together == expected
