import hashlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from colorbench.data.split import MAX_DISTANCE, near_duplicate_groups, perceptual_hash, side_by_hash, split_sides
from tests.data.conftest import random_photo


def content(count: int, salt: str = "") -> list[str]:
    return sorted(hashlib.sha256(f"{salt}{number}".encode()).hexdigest() for number in range(count))


def split(hashes, perceptual=None, share=0.2):
    alone = [None] * len(hashes) if perceptual is None else perceptual
    return dict(zip(hashes, split_sides(hashes, alone, lambda one: side_by_hash(one, share))))


def test_share_is_met():
    sides = list(split(content(5000)).values())
    assert sides.count("test") / 5000 == pytest.approx(0.2, abs=0.02)


def test_other_photos_move_nothing():
    few = split(content(50))
    many = split(sorted(content(50) + content(500, "more")))
    assert all(many[photo] == side for photo, side in few.items())


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("share", [0.0001, 0.9999])
def test_small_sets_have_both_sides(count, share):
    sides = split(content(count), share=share)
    assert set(sides.values()) == {"train", "test"}
    assert list(sides.values()) == sorted(sides.values())  # the test photo has the smallest hash


def test_near_duplicates_follow_the_smallest_hash():
    hashes = ["10" * 32, "11" * 32, "a0" * 32, "b0" * 32, "c0" * 32]
    looks = [0xFF, None, 0xFE, 0xFFFF_FFFF_0000, 0xFC]  # 0, 2, 4 within two bits
    assert list(split(hashes, looks).values()) == ["test", "test", "test", "train", "test"]


def test_one_photo_many_times_cannot_be_split():
    with pytest.raises(ValueError, match=r"3 usable photo.s., 1 of them different.*add photos"):
        split(content(3), [5, 5, 4])
    with pytest.raises(ValueError, match="1 usable"):
        split(content(1))


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
