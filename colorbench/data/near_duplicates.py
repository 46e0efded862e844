"""Near-duplicates: photos whose 64-bit perceptual hashes differ in at most 6 bits.

The hash is pHash (Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010, section 3.2.1):
gray, 32 x 32, DCT, the 8 x 8 lowest frequencies against their median. It outlives re-encoding, scaling and a change
of brightness. A picture without features has no hash and is never a near-duplicate.
"""

from collections import defaultdict
from itertools import pairwise

import numpy as np
from PIL import Image

from colorbench.photo import Photo8

MAX_DISTANCE = 6
_SIDE, _LOW = 32, 8
_FEATURELESS = 2.0  # standard deviation in gray levels: below it the bits are noise
_COSINES = np.cos(np.pi * np.outer(np.arange(_LOW), 2 * np.arange(_SIDE) + 1) / (2 * _SIDE)).astype(np.float32)
_BANDS = tuple(pairwise((0, 10, 19, 28, 37, 46, 55, 64)))  # seven: six differing bits leave one of them untouched
_BLOCK = 2048


def perceptual_hash(photo: Photo8) -> int | None:
    """64 bits of what the picture looks like, None for a featureless one."""
    small = Image.fromarray(photo).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    gray = np.asarray(small, dtype=np.float32)
    if gray.std() < _FEATURELESS:
        return None
    low = (_COSINES @ gray @ _COSINES.T).ravel()
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def near_duplicate_groups(hashes: list[int | None]) -> list[list[int]]:
    """Positions that belong together, directly or through others; photos without a near-duplicate are left out.

    >>> near_duplicate_groups([0b1011, 2**40 - 1, 0b1111, None])
    [[0, 2]]
    """
    known = np.array([place for place, value in enumerate(hashes) if value is not None], dtype=np.int64)
    bits = np.array([hashes[place] for place in known], dtype=np.uint64)
    parent = list(range(len(hashes)))
    for low, high in _BANDS:
        band = (bits >> np.uint64(low)) & np.uint64(2 ** (high - low) - 1)
        order = np.argsort(band, kind="stable")
        edges = np.flatnonzero(np.diff(band[order])) + 1
        for bucket in np.split(order, edges):
            for one, other in _close_pairs(bits, bucket):
                _join(parent, int(known[one]), int(known[other]))
    return _groups(parent)


def _close_pairs(bits: np.ndarray, bucket: np.ndarray):
    for start in range(0, len(bucket) if len(bucket) > 1 else 0, _BLOCK):
        block = bucket[start : start + _BLOCK]
        distance = np.bitwise_count(bits[block][:, None] ^ bits[bucket[start:]][None, :])
        ones, others = np.nonzero(distance <= MAX_DISTANCE)
        yield from ((block[one], bucket[start + other]) for one, other in zip(ones, others) if one < other)


def _join(parent: list[int], one: int, other: int) -> None:
    first, second = sorted((_root(parent, one), _root(parent, other)))
    parent[second] = first


def _root(parent: list[int], place: int) -> int:
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = parent[place]
    return place


def _groups(parent: list[int]) -> list[list[int]]:
    members = defaultdict(list)
    for place in range(len(parent)):
        members[_root(parent, place)].append(place)
    return [group for group in members.values() if len(group) > 1]
