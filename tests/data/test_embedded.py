import importlib.util
from types import SimpleNamespace

import pytest

from colorbench.data import load_dataset_photos
from colorbench.data.embedded import PHOTOS, find_embedded


def test_eight_color_photos_split_by_photo(cache):
    photos = load_dataset_photos("embedded", size_px=64, fit="tiles", limit_test=32)
    assert photos.train.pixels.shape == (190, 3, 64, 64)
    assert photos.test.pixels.shape == (32, 3, 64, 64)
    sides = [{name.rsplit("-t", 1)[0] for name in side.names} for side in (photos.train, photos.test)]
    assert sides[1] == {"china", "coffee"}
    assert sides[0] | sides[1] == set(PHOTOS)
    assert not sides[0] & sides[1]
    assert photos.report.used == 8
    assert photos.report.skipped == []


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("colorbench.data.embedded.find_spec", lambda module: None)
    with pytest.raises(FileNotFoundError, match="'astronaut' needs the package scikit-image: pip install scikit-image"):
        find_embedded(None)


def test_a_missing_file_is_named(monkeypatch, tmp_path):
    def elsewhere(module):
        return (
            importlib.util.find_spec(module)
            if module == "skimage"
            else SimpleNamespace(submodule_search_locations=[str(tmp_path)])
        )

    monkeypatch.setattr("colorbench.data.embedded.find_spec", elsewhere)
    with pytest.raises(FileNotFoundError, match=r"'china' is missing .*force-reinstall scikit-learn"):
        find_embedded(None)


def test_takes_no_source(tmp_path):
    with pytest.raises(ValueError, match="takes no source"):
        find_embedded(tmp_path)
