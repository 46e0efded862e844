import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorbench.data import DATASETS, load_dataset_photos
from tests.data.conftest import random_photo, write_photos


def load(tree, **settings):
    return load_dataset_photos("folder", **{"source": tree, "size_px": 32, **settings})


def sides(photos) -> dict[str, str]:
    return {one: side for side in ("train", "test") for one in getattr(photos, side).ids}


RECORDED = {  # data hash, training pixels, test pixels: as the first release gave them
    "crop": ("79d7f79064e14f97c2b73ef278d3256f", "0059c7714782542b", "e7d81c6426235156"),
    "margin": ("72be04405993780eb12d67c4eb2e01eb", "a51edea556e17a7e", "abff2807ccc7b035"),
    "squash": ("fdecc5ef688c836a83f4e5fb87e6f1ae", "b80a65800d409d5a", "2f666d1687a6986c"),
    "tiles": ("a8da2297cff7802ebe7a157bc0595662", "c8fd49c5ebfd517c", "1d20d9900891fec2"),
}
SETTINGS = {
    "crop": {"size_px": 16},
    "margin": {"size_px": 16, "store_px": 20, "test_share": 0.5},
    "squash": {"size_px": 16, "fit": "squash", "limit_train": 5},
    "tiles": {"size_px": 8, "fit": "tiles", "tile_short_px": 16, "limit_train": 20, "limit_test": 6},
}


def digest(pixels: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels)).hexdigest()[:16]


@pytest.mark.parametrize("name", RECORDED)
def test_hashes_splits_and_pixels_of_old_records(tmp_path, cache, name):
    """Records name the photos by this hash: it must come out again in every later version."""
    (tmp_path / "photos").mkdir()
    for seed in range(14):
        pixels = np.random.default_rng(seed % 13).integers(0, 256, (5, 6, 3), dtype=np.uint8)
        pixels = pixels.repeat(7 if seed == 13 else 5, 0).repeat(7 if seed == 13 else 5, 1)  # 13 is photo 0, enlarged
        if seed == 12:
            pixels[:] = pixels[..., :1]
        header = b"P6 %d %d 255\n" % (pixels.shape[1], pixels.shape[0])
        (tmp_path / "photos" / f"{seed}.ppm").write_bytes(header + pixels.tobytes())
    photos = load(tmp_path / "photos", **SETTINGS[name])
    assert (photos.hash[:32], digest(photos.train.pixels), digest(photos.test.pixels)) == RECORDED[name]


def test_hash_and_pixels_of_the_embedded_photos(cache):
    files = ["596aa1e7cb875eb7", "8378025ad2519d64", "88431cd9653ccd53", "a77f6ec41e353afd",
             "a8ca6d734765703b", "c2dd0de7c538df8d", "cc02f8ca188b167c", "db18e9c415761740"]  # fmt: skip
    photos = load_dataset_photos("embedded", size_px=32, fit="tiles", limit_test=9)
    if sorted({one[:16] for one in photos.train.ids + photos.test.ids}) != files:
        pytest.skip("another release of the packages has other files")
    assert photos.hash == "1f734f95c3a58c85bf35979d37576a0480f073887d54a9c5871326922b7b3402"
    assert digest(photos.train.pixels) == "f9a14be9768580ca"


def test_pixels_ids_and_names_belong_together(tree, cache):
    photos = load(tree)
    for side in (photos.train, photos.test):
        assert side.pixels.dtype == np.uint8
        assert side.pixels.shape == (len(side), 3, 32, 32)
        for pixels, name in zip(side.pixels, side.names):
            whole = Image.fromarray(np.asarray(Image.open(tree / name)))
            expected = whole.resize((32, 32), Image.Resampling.LANCZOS, box=(4, 0, 44, 40))
            np.testing.assert_array_equal(pixels.transpose(1, 2, 0), np.asarray(expected))
    assert len(photos.train) + len(photos.test) == 12
    assert len(photos.test) >= 1


def test_names_and_places_change_nothing(tree, cache, tmp_path):
    before = load(tree)
    moved = tmp_path / "moved"
    shutil.copytree(tree / "b", moved / "renamed")
    for number in range(6):
        shutil.copy(tree / f"photo-{number:03d}.png", moved / f"{9 - number}.png")
    after = load(moved, cache_dir=tmp_path / "cache-2")
    assert after.hash == before.hash
    assert after.test.ids == before.test.ids
    np.testing.assert_array_equal(after.train.pixels, before.train.pixels)


def test_added_photos_move_no_other(tree, cache):
    before = load(tree, test_share=0.5)
    write_photos(tree, range(100, 110))
    after = load(tree, test_share=0.5)
    assert sides(before).items() <= sides(after).items()
    assert before.hash != after.hash


def test_hash_follows_content_preprocessing_and_split(tree, cache):
    hashes = {
        load(tree).hash,
        load(tree, size_px=24).hash,
        load(tree, fit="squash").hash,
        load(tree, store_px=40).hash,
        load(tree, test_share=0.5).hash,
        load(tree, limit_train=2).hash,
    }
    assert len(hashes) == 6
    Image.fromarray(random_photo(77, 48, 40)).save(tree / "photo-000.png")
    assert load(tree).hash not in hashes


def test_decoded_once(tree, cache, monkeypatch):
    seen = []
    first = load(tree, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 12) for done in range(1, 13)]
    monkeypatch.setattr("colorbench.data.build.decode_photo", lambda *_, **__: pytest.fail("decoded again"))
    assert load(tree).hash == first.hash


def test_bad_files_are_listed_skipped_and_counted(tree, cache):
    clean = load(tree).hash
    (tree / "text.jpg").write_text("not a picture")
    whole = write_photos(tree / "cut", [40], "jpg", width=200, height=200) / "photo-040.jpg"
    whole.write_bytes(whole.read_bytes()[:2000])
    write_photos(tree / "tiny", [41], width=9, height=9)
    (tree / "gone.png").symlink_to(tree / "nowhere.png")
    shutil.copy(tree / "photo-000.png", tree / "z-copy.png")
    report = load(tree).report
    assert (report.found, report.used) == (17, 12)
    reasons = dict(report.skipped)
    assert list(reasons) == ["cut/photo-040.jpg", "gone.png", "text.jpg", "tiny/photo-041.png"]
    assert "truncated" in reasons["cut/photo-040.jpg"]
    assert "No such file" in reasons["gone.png"]
    assert "not a picture" in reasons["text.jpg"]
    assert "too small: 9 x 9" in reasons["tiny/photo-041.png"]
    assert report.duplicates == [("z-copy.png", "photo-000.png")]
    assert report.left_out == {"unusable": 4, "equal to another": 1, "beyond the limits": 0, "no pictures": 0}
    assert report.usage().startswith("12 of 17 photos used, 4 skipped (such as cut/photo-040.jpg: cannot be")
    assert load(tree).hash == clean  # what is not used is not in the data hash


@pytest.mark.parametrize("fit", ["crop", "tiles"])
@pytest.mark.parametrize("limit", [None, 1, 4])
def test_the_report_adds_up(tree, cache, tmp_path, fit, limit):
    """Used and left out, by reason, are the files seen; whatever is left out has a name."""
    (tree / "text.jpg").write_text("not a picture")
    (tree / "notes.txt").write_text("nor this")
    (tree / "raw.cr2").write_bytes(bytes(10))
    (tree / "gone.png").symlink_to(tree / "nowhere.png")
    shutil.copy(tree / "photo-000.png", tree / "z-copy.png")
    (tree / "out").symlink_to(write_photos(tmp_path / "other", [70]))
    report = load(tree, fit=fit, size_px=16, limit_train=limit, limit_test=limit).report
    assert report.found == 18
    assert report.used + sum(report.left_out.values()) == report.found
    assert report.other_files == ["notes.txt", "raw.cr2"]
    assert report.linked_outside == 1
    assert (report.beyond_limits > 0) == (limit is not None)
    assert "2 other files (such as notes.txt), 1 reached by links that lead out of the folder" in report.usage()


def test_gray_photos_are_flagged(tree, cache):
    gray = Image.fromarray(random_photo(60)).convert("L")
    gray.save(tree / "gray.png")
    photos = load(tree)
    flagged = {name for side in (photos.train, photos.test) for name, is_gray in zip(side.names, side.gray) if is_gray}
    assert flagged == {"gray.png"}
    assert photos.report.gray == 1
    assert sum(side.color_only.sum() for side in (photos.train, photos.test)) == 13 - photos.report.colorless


@pytest.mark.parametrize("store_px", [None, 40])
def test_near_duplicates_stay_on_one_side(tmp_path, cache, store_px):
    """Also when the follower is decoded again, at the size of its new side."""
    folder = write_photos(tmp_path / "photos", range(10), width=64, height=64)
    for seed in range(10):
        for quality in (95, 90, 80):
            name = folder / f"copy-{seed:03d}-{quality}.jpg"
            Image.fromarray(random_photo(seed, 64, 64)).save(name, quality=quality)
    photos = load(folder, store_px=store_px, test_share=0.5)
    seeds = [{name.replace("copy-", "photo-")[6:9] for name in side.names} for side in (photos.train, photos.test)]
    assert not seeds[0] & seeds[1]
    assert photos.report.moved > 0
    assert photos.train.pixels.shape[1:] == (3, store_px or 32, store_px or 32)
    for side in (photos.train, photos.test):
        for name, pixels in zip(side.names, side.pixels):
            expected = Image.open(folder / name).resize(pixels.shape[1:], Image.Resampling.LANCZOS)
            assert np.abs(pixels.transpose(1, 2, 0).astype(int) - np.asarray(expected)).max() <= 1


def test_limits_take_the_smallest_hashes(tree, cache):
    everything = load(tree, test_share=0.5)
    few = load(tree, test_share=0.5, limit_train=3, limit_test=2)
    assert few.train.ids == everything.train.ids[:3]
    assert few.test.ids == everything.test.ids[:2]
    np.testing.assert_array_equal(few.train.pixels, everything.train.pixels[:3])


def test_limits_look_past_bad_files(tree, cache):
    for number in range(40):
        (tree / f"bad-{number}.jpg").write_text(f"text {number}")
    assert len(load(tree, test_share=0.5, limit_train=3).train) == 3


def test_tiles_of_a_photo_stay_together_and_limits_spread(tree, cache):
    photos = load(tree, fit="tiles", size_px=8, tile_short_px=32, limit_train=20)
    train, test = ({one[:16] for one in side.ids} for side in (photos.train, photos.test))
    assert not train & test
    assert len(photos.train) == 20
    assert len(train) > 5
    assert photos.train.ids[0].endswith(photos.train.names[0][-5:])
    assert len(set(photos.train.ids)) == 20


def test_writing_to_pixels_never_reaches_the_file(tree, cache):
    photos = load(tree)
    photos.train.pixels[:] = 0
    assert load(tree).train.pixels.any()


@pytest.mark.parametrize(
    ("dataset", "settings", "error", "message"),
    [
        ("folders", {}, KeyError, f"unknown dataset 'folders'; known datasets: {', '.join(DATASETS)}"),
        ("folder", {"half": "left"}, KeyError, "takes no option half; its options: none"),
        ("paired", {"side": 1}, KeyError, "takes no option side; its options: half"),
        ("folder", {"source": None}, ValueError, "needs a folder: give it with --data"),
        ("folder", {"test_share": 1.0}, ValueError, "between 0 and 1, got 1.0"),
        ("folder", {"limit_test": 0}, ValueError, "at least 1"),
    ],
)
def test_refusals(tree, cache, dataset, settings, error, message):
    with pytest.raises(error, match=message):
        load_dataset_photos(dataset, **{"source": tree, "size_px": 32, **settings})


def test_nothing_usable_is_an_error_with_names(tmp_path, cache):
    (tmp_path / "text.jpg").write_text("no")
    with pytest.raises(ValueError, match=r"none of 1 pictures can be used \(text.jpg: not a picture"):
        load(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/mem").is_file(), reason="only Linux has a file that nobody can read")
def test_unreadable_files_alone(tmp_path, cache):
    for number in range(12):
        (tmp_path / f"{number}.png").symlink_to("/proc/self/mem")
    with pytest.raises(ValueError, match=r"none of 12 pictures can be read .*Input/output error"):
        load(tmp_path)
