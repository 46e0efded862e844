"""What a store is filled with: both sides by content, limits, tiles spread over photos, and pictures that give none."""

import io

import numpy as np
import pytest
from PIL import Image

from colorbench.data.build import Plan, build
from colorbench.data.fit import fit_photo, make_preprocessing
from colorbench.data.photoset import map_pixels
from colorbench.data.sources import Found, Source
from tests.data.conftest import random_photo

SIZE = 16
OTHER = {"train": "test", "test": "train"}


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(random_photo(seed)).save(buffer, "PNG")
    return buffer.getvalue()


def hash_of(number: int) -> str:
    return f"{number:064x}"


def plan_of(contents: dict[str, bytes], fit="crop", limits=(None, None), on_progress=None, **settings) -> Plan:
    """Even hashes are test photos."""
    sources = {key: Source(f"{int(key, 16)}.png", lambda content=content: content) for key, content in contents.items()}
    made = make_preprocessing(
        fit, SIZE, **({"store_px": None, "tile_short_px": None, "min_px": None, "half": ""} | settings)
    )
    side_alone = lambda key: "train" if int(key, 16) % 2 else "test"  # noqa: E731
    found = Found(list(sources.values()), "here")
    return Plan(found, sources, made, side_alone, dict(zip(("train", "test"), limits)), on_progress)


@pytest.fixture(scope="module")
def contents():
    return {hash_of(k): png(k) for k in range(6)}


def test_rows_are_the_fitted_photos_in_the_order_of_their_hashes(contents, tmp_path):
    told = []
    plan = plan_of(contents, on_progress=lambda *numbers: told.append(numbers))
    index = build(plan, tmp_path)
    assert {side: list(found) for side, found in index.photos.items()} == {
        "test": [hash_of(k) for k in (0, 2, 4)], "train": [hash_of(k) for k in (1, 3, 5)]
    }  # fmt: skip
    for side, first in (("test", 0), ("train", 1)):
        wanted = [fit_photo(random_photo(k), plan.settings, side)[0] for k in range(first, 6, 2)]
        np.testing.assert_array_equal(map_pixels(tmp_path / f"{side}.u8", 3, plan.settings.side_px(side)), wanted)
    assert told == [(k, 6) for k in range(1, 7)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test.u8", "train.u8"]


def test_a_near_duplicate_follows_to_the_other_side(contents, tmp_path):
    twin = io.BytesIO()
    Image.fromarray(random_photo(0)).save(twin, "JPEG", quality=90)
    index = build(plan_of({**contents, hash_of(7): twin.getvalue()}, store_px=24), tmp_path)
    assert (hash_of(7) in index.photos["test"], index.moved) == (True, 1)
    assert index.size_px == {"test": SIZE, "train": 24}
    row = map_pixels(tmp_path / "test.u8", 4, SIZE)[3].astype(int)
    assert np.abs(row - map_pixels(tmp_path / "test.u8", 4, SIZE)[0]).mean() < 12  # made anew at the other side's size


def test_pictures_that_give_no_photo_are_named_and_replaced_up_to_the_limit(contents, tmp_path):
    index = build(plan_of({**contents, hash_of(0): b"no picture"}, limits=(1, 2)), tmp_path)
    assert list(index.skipped) == [hash_of(0)]
    assert list(index.photos["test"]) == [hash_of(2), hash_of(4)]
    assert list(index.photos["train"]) == [hash_of(1)]


def test_a_limit_of_tiles_is_spread_over_the_photos(contents, tmp_path):
    index = build(plan_of(contents, fit="tiles", tile_short_px=48, limits=(8, None)), tmp_path)
    assert sum(index.photos["train"].values()) == 8
    assert len(index.photos["train"]) == 3
    assert index.rows("test") == sum(index.photos["test"].values()) > 8


def test_nothing_usable_is_said_with_reasons(tmp_path):
    with pytest.raises(ValueError, match=r"none of 2 pictures can be used \(0\.png: "):
        build(plan_of({hash_of(0): b"", hash_of(1): b"text"}), tmp_path)
