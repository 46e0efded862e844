"""Train or test: decided by the content of a photo alone, so adding or renaming photos moves no other photo.

A photo is a test photo when its sha256, read as a number in [0, 1), is below the test share. Near-duplicates go
where the one with the smallest hash goes. A set too small to get a test photo that way gives its smallest hash.

Near-duplicates are photos whose 64-bit perceptual hashes differ in at most 6 bits, directly or through others. The
hash is pHash (Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010, section 3.2.1): gray,
32 x 32, DCT, the 8 x 8 lowest frequencies against their median. It survives re-encoding, scaling and a change of
brightness. A picture without features has no hash and is never a near-duplicate.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from PIL import Image

from colorbench.photo import Photo8

SPLIT_RULE = "sha256 prefix < share; pHash <= 6 together; at least one photo a side; 1"
SIDES = ("test", "train")
MAX_DISTANCE = 6
_SIDE, _LOW = 32, 8
_FEATURELESS = 2.0  # standard deviation in gray levels: below it the bits are noise
_COSINES = np.cos(np.pi * np.outer(np.arange(_LOW), 2 * np.arange(_SIDE) + 1) / (2 * _SIDE)).astype(np.float32)
_BANDS = tuple(pairwise((0, 10, 19, 28, 37, 46, 55, 64)))  # seven: six differing bits leave one of them untouched
_BLOCK = 2048


def side_by_hash(content_hash: str, test_share: float) -> str:
    """Side of one photo, alone.

    >>> side_by_hash("33" * 32, 0.2), side_by_hash("34" * 32, 0.2)
    ('test', 'train')
    """
    return "test" if int(content_hash[:16], 16) < test_share * 2**64 else "train"


def split_sides(content_hashes: list[str], perceptual: list[int | None], side_alone: Callable[[str], str]) -> list[str]:
    """Side of every photo; `content_hashes` ascending. Both sides get at least one photo.

    Raises:
        ValueError: fewer than two photos, or all near-duplicates of one another.
    """
    leader = list(range(len(content_hashes)))
    for group in near_duplicate_groups(perceptual):
        for place in group:
            leader[place] = min(group)
    leaders = sorted(set(leader))
    if len(leaders) < 2:
        raise ValueError(
            f"{len(content_hashes)} usable photo(s), {len(leaders)} of them different: a split needs at least two "
            "different photos; add photos"
        )
    sides = {place: side_alone(content_hashes[place]) for place in leaders}
    if "test" not in sides.values():
        sides[leaders[0]] = "test"
    if "train" not in sides.values():
        sides[leaders[-1]] = "train"
    return [sides[place] for place in leader]


def perceptual_hash(photo: Photo8) -> int | None:
    """64 bits of what the picture looks like, None for a featureless one."""
    small = Image.fromarray(photo).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    gray = np.asarray(small, dtype=np.float32)
    if gray.std() < _FEATURELESS:
        return None
    low = (_COSINES @ gray @ _COSINES.T).ravel()
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def near_duplicate_groups(hashes: Sequence[int | None]) -> list[list[int]]:
    """Positions that belong together, directly or through others; photos without a near-duplicate are left out.

    >>> near_duplicate_groups([0b1011, 2**40 - 1, 0b1111, None])
    [[0, 2]]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    known = np.array([place for place, value in enumerate(hashes) if value is not None], dtype=np.int64)
    looks, look_of = np.unique(np.array([hashes[place] for place in known], dtype=np.uint64), return_inverse=True)
    ones, others = _close_pairs(looks)
    graph = coo_array((np.ones(len(ones), dtype=bool), (ones, others)), shape=(len(looks), len(looks)))
    group_of = connected_components(graph, directed=False)[1][look_of]
    order = np.argsort(group_of, kind="stable")
    groups = np.split(known[order], np.flatnonzero(np.diff(group_of[order])) + 1)
    return sorted(group.tolist() for group in groups if len(group) > 1)


def _close_pairs(looks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of hashes within MAX_DISTANCE bits of each other. Such a pair has the same bits in one of the bands."""
    ones, others = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for low, high in _BANDS:
        band = (looks >> np.uint64(low)) & np.uint64(2 ** (high - low) - 1)
        order = np.argsort(band, kind="stable")
        for bucket in np.split(order, np.flatnonzero(np.diff(band[order])) + 1):
            for start in range(0, len(bucket), _BLOCK):
                block, rest = bucket[start : start + _BLOCK], bucket[start:]
                one, other = np.nonzero(np.bitwise_count(looks[block][:, None] ^ looks[rest][None, :]) <= MAX_DISTANCE)
                ones.append(block[one])
                others.append(rest[other])
    return np.concatenate(ones), np.concatenate(others)
