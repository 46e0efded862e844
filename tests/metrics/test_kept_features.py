import importlib
import os

import pytest
import torch

from colorbench.metrics import References, score
from colorbench.metrics import kept_features as module

pair_module = importlib.import_module("colorbench.metrics.pair")


@pytest.fixture
def network(monkeypatch, tmp_path):
    """A network of known features in place of Inception; gives the list of the batches that it has seen."""
    seen = []

    def features(rgb):
        seen.append(len(rgb))
        return torch.cat([rgb.mean(dim=(2, 3)), rgb.square().mean(dim=(2, 3))], dim=1)

    (tmp_path / "weights.pth").write_bytes(b"these")
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "find_weights", lambda file: tmp_path / "weights.pth")
    monkeypatch.setattr(pair_module, "load_features", lambda name, device: features)
    return seen


@pytest.fixture
def photos():
    made = torch.Generator().manual_seed(0)
    return [torch.randint(0, 256, (5, 3, 8, 8), generator=made, dtype=torch.uint8) for _ in range(2)]


def fid(photos, batch=2, **options):
    return score(photos[0], References(photos[1], batch=batch, cached=True, **options), ["fid"]).attrs["set"]["fid"]


def files(tmp_path):
    return sorted((tmp_path / "cache" / "features").glob("*"))


def test_the_photos_are_embedded_once(network, photos, tmp_path):
    value = fid(photos)
    assert network == [2, 2, 2, 2, 1, 1]
    assert fid(photos) == value == score(*photos, ["fid"]).attrs["set"]["fid"]
    assert network[6:9] == [2, 2, 1]  # the predictions alone
    assert len(files(tmp_path)) == 1


def test_without_room_they_come_from_the_file(network, photos):
    fid(photos)
    seen = len(network)
    fid(photos, keep_bytes=0)
    assert network[seen:] == [2, 2, 1]


@pytest.mark.parametrize("other", ["photos", "weights", "batch", "torch", "code"])
def test_what_the_values_depend_on_names_the_file(network, photos, tmp_path, monkeypatch, other):
    fid(photos)
    if other == "weights":
        (tmp_path / "weights.pth").write_bytes(b"those")
    if other == "torch":
        monkeypatch.setattr(torch, "__version__", "0.0")
    if other == "code":
        monkeypatch.setattr(module, "sources_sha256", lambda folder: f"other {folder}")
    if other == "photos":
        photos[1][0, 0, 0, 0] ^= 1
    fid(photos, batch=3 if other == "batch" else 2)
    assert len(files(tmp_path)) == 2


@pytest.mark.parametrize("place", [0, 40, 200, -30])
def test_a_damaged_file_is_made_anew(network, photos, tmp_path, place):
    value = fid(photos)
    [file] = files(tmp_path)
    whole = file.read_bytes()
    content = bytearray(whole)
    content[place] ^= 16
    file.write_bytes(content)
    assert fid(photos) == value
    assert fid(photos) == value
    file.write_bytes(whole[:100])
    assert fid(photos) == value
    assert file.read_bytes() == whole


def test_those_used_last_stay(network, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_FILES", 2)
    for batch in (1, 2):
        fid(photos, batch=batch)
    [first, second] = sorted(files(tmp_path), key=lambda path: path.stat().st_mtime_ns)
    os.utime(first, (1, 1))
    os.utime(second, (2, 2))
    fid(photos, batch=1)  # reads the first
    fid(photos, batch=3)
    assert first in files(tmp_path)
    assert second not in files(tmp_path)
    assert len(files(tmp_path)) == 2


def test_a_cache_folder_that_cannot_be_written_is_no_obstacle(network, photos, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file")
    assert fid(photos) == score(*photos, ["fid"]).attrs["set"]["fid"]


def test_what_is_no_stack_of_bytes_is_not_kept(network, photos, tmp_path):
    fid([photos[0], photos[1].float() / 255])
    fid([photos[0], list(photos[1])])
    assert files(tmp_path) == []
