"""Train or test: decided by the content of a photo alone, so adding or renaming photos moves no other photo.

A photo is a test photo when its sha256, read as a number in [0, 1), is below the test share. Near-duplicates go
where the one with the smallest hash goes. A set too small to get a test photo that way gives its smallest hash.
"""

from collections.abc import Callable

from colorbench.data.near_duplicates import near_duplicate_groups

SPLIT_RULE = "sha256 prefix < share; pHash <= 6 together; at least one photo a side; 1"
SIDES = ("test", "train")


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
