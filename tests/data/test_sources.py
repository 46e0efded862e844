import os

import pytest

from colorbench.data import load_dataset_photos


def test_a_tree_that_looks_unchanged_is_not_read_again(tree, cache):
    """A byte has changed, size and time have not: who read the file would see it."""
    for path in tree.rglob("*.png"):
        os.utime(path, ns=(0, 10**18))
    first = load_dataset_photos("folder", source=tree, size_px=32).hash
    path = next(tree.glob("*.png"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(0, 10**18))
    assert load_dataset_photos("folder", source=tree, size_px=32).hash == first


def test_a_changed_file_is_noticed_whatever_its_size(tree, cache):
    for path in tree.rglob("*.png"):
        os.utime(path, ns=(0, 10**18))
    before = load_dataset_photos("folder", source=tree, size_px=32).hash
    data = bytearray((tree / "photo-001.png").read_bytes())
    (tree / "photo-001.png").write_bytes(bytes(data) + b"\0")
    assert load_dataset_photos("folder", source=tree, size_px=32).hash != before


@pytest.mark.parametrize(
    "content", [b"[]", b'{"photo-001.png": 3}', b'{"photo-001.png": ["1:1"]}', b"\xff", b"[" * 100_000]
)
def test_a_damaged_list_of_hashes_is_made_again(tree, cache, content):
    first = load_dataset_photos("folder", source=tree, size_px=32).hash
    (listing,) = (cache / "listings").glob("*.json")
    listing.write_bytes(content)
    assert load_dataset_photos("folder", source=tree, size_px=32).hash == first
