import hashlib

import pytest

from colorbench.data.split import side_by_hash, split_sides


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
