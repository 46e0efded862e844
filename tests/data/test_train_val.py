"""`train-val`: a published split stays as it was published."""

import shutil

import pytest
from PIL import Image

from colorbench.data import load_dataset_photos
from colorbench.data.train_val import find_train_val
from tests.data.conftest import random_photo


def split_folder(root, val="val"):
    for side, seeds in (("train", range(6)), (val, range(6, 9))):
        (root / side).mkdir(parents=True)
        for seed in seeds:
            Image.fromarray(random_photo(seed, 32, 32)).save(root / side / f"{seed}.png")
    return root


@pytest.mark.parametrize("val", ["val", "validation"])
def test_sides_are_stated(tmp_path, cache, val):
    photos = load_dataset_photos("train-val", source=split_folder(tmp_path / "set", val), size_px=16)
    assert sorted(photos.test.names) == [f"{val}/{seed}.png" for seed in (6, 7, 8)]
    assert sorted(photos.train.names) == [f"train/{seed}.png" for seed in range(6)]


def test_equal_photos_test_and_near_duplicates_stay(tmp_path, cache):
    root = split_folder(tmp_path / "set")
    shutil.copy(root / "val" / "6.png", root / "train" / "copy.png")
    with Image.open(root / "val" / "7.png") as photo:
        photo.save(root / "train" / "again.jpg", quality=95)
    photos = load_dataset_photos("train-val", source=root, size_px=16)
    assert sorted(photos.test.names) == [f"val/{seed}.png" for seed in (6, 7, 8)]
    assert "train/again.jpg" in photos.train.names
    assert "train/copy.png" not in photos.train.names
    assert photos.report.moved == 0


def test_a_side_is_missing(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(ValueError, match=r"no train/ and val/ folders: .*published split"):
        find_train_val(tmp_path)
    (tmp_path / "val").mkdir()
    with pytest.raises(ValueError, match="no pictures"):
        find_train_val(tmp_path)


def test_a_hub_dataset_gives_its_splits(tmp_path, monkeypatch):
    from colorbench.data import train_val
    from colorbench.data.sources import Found, Source

    def find_hub(source, *, split):
        if split == "validation":
            raise ValueError("Unknown split 'validation'")
        return Found([Source(f"{split}-{row}", bytes) for row in range(2)], place=f"{source} {split}")

    monkeypatch.setattr(train_val, "find_hub", find_hub)
    found = find_train_val("someone/photos")
    assert found.held_out == {"val-0", "val-1"}
    assert len(found.sources) == 4
