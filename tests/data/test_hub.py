import json

import datasets
import numpy as np
import pytest
from huggingface_hub import constants

from colorbench.data import load_dataset_photos
from colorbench.data.hub import find_hub
from tests.data.conftest import write_photos


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path, cache):
    """No network, caches of its own."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")


@pytest.fixture
def parquet(tmp_path, tree):
    """A dataset folder as the hub keeps it: parquet with an image column; one row is damaged."""
    files = [path.read_bytes() for path in sorted(tree.rglob("*.png"))] + [b"damaged"]
    table = datasets.Dataset.from_dict(
        {"picture": [{"bytes": data, "path": None} for data in files], "caption": [""] * len(files)},
        features=datasets.Features({"picture": datasets.Image(decode=False), "caption": datasets.Value("string")}),
    ).cast_column("picture", datasets.Image())
    folder = tmp_path / "set"
    folder.mkdir()
    table.to_parquet(folder / "train-00000.parquet")
    return folder


def test_parquet_gives_the_photos_of_the_folder(parquet, tree):
    hub = load_dataset_photos("hub", source=parquet, size_px=32)
    folder = load_dataset_photos("folder", source=tree, size_px=32)
    assert hub.hash == folder.hash
    np.testing.assert_array_equal(hub.train.pixels, folder.train.pixels)
    assert hub.report.skipped == [("train-0000012", "not a picture: its content is of no known format")]


def test_imagefolder(tmp_path):
    folder = write_photos(tmp_path / "images" / "train", range(4)).parent
    photos = load_dataset_photos("hub", source=folder, size_px=32)
    assert photos.report.used == 4


def test_only_the_first_rows(parquet):
    assert len(find_hub(parquet, rows=3).sources) == 3


def test_columns_and_splits_are_named(parquet, tmp_path):
    with pytest.raises(
        ValueError, match=r"image columns are picture, got caption; name one as the dataset option column"
    ):
        find_hub(parquet, column="caption")
    with pytest.raises(ValueError, match=r"cannot load the dataset .*split 'validation'"):
        find_hub(parquet, split="validation")
    assert len(find_hub(parquet, column="picture").sources) == 13


def test_offline_fails_clearly():
    with pytest.raises(
        ConnectionError,
        match=r"there is no folder owner/name, .*cannot be reached and owner/name is not in its local cache",
    ):
        find_hub("owner/name")


def test_offline_fails_fast(monkeypatch, capfd):
    """Without the offline switch the library retries for 23 seconds; here it is told after one short try."""
    nobody = "http://127.0.0.1:9"
    for place, name in ((constants, "ENDPOINT"), (datasets.config, "HF_ENDPOINT")):
        monkeypatch.setattr(place, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(place, name, nobody)
    with pytest.raises(ConnectionError, match="as a Hugging Face dataset it is unavailable: the hub cannot be reached"):
        find_hub("owner/name@main")
    assert "Retrying" not in capfd.readouterr().err
    assert not datasets.config.HF_HUB_OFFLINE  # the switch is as it was


@pytest.mark.parametrize("source", ["/no/such/folder", "./none", "a b/c", "a/b/c"])
def test_neither_folder_nor_id(source):
    with pytest.raises(FileNotFoundError, match="a hub id looks like owner/name"):
        find_hub(source)


def test_an_id_is_pinned_and_later_cells_load_no_library(monkeypatch, parquet, cache):
    """The hub is played by a local folder: its first use asks for the commit, the second asks for nothing."""
    from colorbench.data import hub

    asked = []
    monkeypatch.setattr(hub, "_commit", lambda wanted: asked.append(wanted.name) or "c0ffee")
    real = hub._load
    monkeypatch.setattr(hub, "_load", lambda wanted: real(hub._Wanted(str(parquet), None, "train", None, None, None)))
    first = load_dataset_photos("hub", source="owner/name", size_px=32)
    monkeypatch.setattr(hub, "_load", lambda wanted: pytest.fail("opened again"))
    again = load_dataset_photos("hub", source="owner/name", size_px=32)
    assert again.hash == first.hash
    assert asked == ["owner/name"]
    pin = json.loads(next((cache / "hub").iterdir()).read_text())
    assert pin == {"revision": "c0ffee", "rows": 13}


def test_an_unknown_id_is_named(monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    class Refusal(HfHubHTTPError):
        def __init__(self):
            Exception.__init__(self, "404 not found")

    def refuse(*_, **__):
        raise Refusal

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", refuse)
    with pytest.raises(ValueError, match="the hub has no readable dataset owner/none at main"):
        find_hub("owner/none")


def test_an_empty_split(monkeypatch, parquet):
    from colorbench.data import hub

    monkeypatch.setattr(hub._Table, "count", lambda self: 0)
    with pytest.raises(ValueError, match=r"split 'train' of .* has no rows"):
        find_hub(parquet)
