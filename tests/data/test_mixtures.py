import numpy as np
import pytest
import torch

from colorbench.batch import Batch
from colorbench.color import lab_to_rgb
from colorbench.color.mixture import Mixture
from colorbench.data import DATASETS, DatasetRow, load_dataset_photos
from colorbench.data.mixtures import MATERIALS, TRUTH, find_mixtures, read_truth
from colorbench.data.scenes import LIGHTNESS, TEXTURES, Material


def test_the_materials_hold_what_the_set_promises():
    assert len(MATERIALS) >= 8
    assert {material.texture for material in MATERIALS} == set(TEXTURES)
    weights = sorted(material.mixture.weights for material in MATERIALS)
    assert sum(len(w) == 1 for w in weights) >= 2
    assert (0.7, 0.3) in weights
    assert any(len(w) in (3, 4) and max(w) <= 0.4 for w in weights)
    assert any((0, 0) in material.mixture.modes for material in MATERIALS)
    opposite = [m.mixture for m in MATERIALS if m.mixture.weights == (0.5, 0.5)]
    assert any(np.hypot(*mixture.mean) < 3 and np.hypot(*mixture.modes[0]) > 25 for mixture in opposite)


@pytest.mark.parametrize("material", MATERIALS, ids=lambda material: material.name)
def test_every_mode_lies_inside_srgb_with_its_jitter(material):
    turns = torch.linspace(0, 2 * torch.pi, 24, dtype=torch.float64)
    ring = 3 * material.mixture.jitter * torch.stack([turns.cos(), turns.sin()])
    for a, b in material.mixture.modes:
        for lightness in LIGHTNESS:
            ab = torch.tensor([[a], [b]], dtype=torch.float64) + ring
            lab = torch.cat([torch.full((1, 24), lightness, dtype=torch.float64), ab])[None, :, :, None]
            rgb = lab_to_rgb(lab, clip=False)
            assert rgb.min() >= 0
            assert rgb.max() <= 1


def test_photos_are_stored_once_and_know_their_truth(tmp_path):
    asked = {"size_px": 32, "limit_train": 6, "limit_test": 3, "cache_dir": tmp_path}
    photos = load_dataset_photos("mixtures", **asked)
    assert photos.train.pixels.shape == (6, 3, 32, 32)
    assert isinstance(photos.train.pixels, np.memmap)
    assert len(list((tmp_path / "photos").iterdir())) == 2  # the store and its lock
    again = load_dataset_photos("mixtures", **asked)
    assert again.hash == photos.hash != load_dataset_photos("mixtures", **{**asked, "limit_train": 7}).hash
    truth = photos.test.truth
    assert truth.material_maps.shape == (3, 32, 32)
    assert np.array_equal(truth.scenes[2].pixels, photos.test.pixels[2])
    assert not set(photos.train.ids) & set(photos.test.ids)
    assert photos.test.color_only.all()


def test_a_batch_carries_no_truth():
    """What a generator and a loss are given is pixels alone."""
    assert not any("truth" in name or "material" in name for name in dir(Batch))


def test_materials_from_a_file(tmp_path):
    file = tmp_path / "materials.toml"
    file.write_text(
        '[[materials]]\nname = "sea"\ntexture = "waves"\nmodes = [[-3, -28], [30, 10]]\nweights = [0.7, 0.3]\n'
        '[[materials]]\nname = "sand"\ntexture = "grain"\nmodes = [[5, 20]]\nweights = [1]\njitter = 1\n'
    )
    wanted = find_mixtures(file, size_px=32, limit_test=4)
    assert wanted.materials[0] == Material("sea", "waves", Mixture(((-3.0, -28.0), (30.0, 10.0)), (0.7, 0.3)))
    assert wanted.materials[1].mixture.jitter == 1
    assert wanted.counts["test"] == 4
    photos = load_dataset_photos("mixtures", source=file, size_px=32, limit_train=3, limit_test=2, cache_dir=tmp_path)
    assert {len(scene.materials) for scene in photos.test.truth.scenes} == {2}
    photos.test.truth.write(tmp_path / TRUTH)
    written = (tmp_path / TRUTH).stat()
    photos.test.truth.write(tmp_path / TRUTH)
    assert (tmp_path / TRUTH).stat() == written, "the same truth is left as it is"
    assert read_truth(tmp_path / TRUTH).materials == wanted.materials


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[materials]]\nname = "a"\n', "a material has name, texture, modes, weights"),
        ('[[materials]]\nname = "a"\ntexture = "fur"\nmodes = [[0, 0]]\nweights = [1]\n', "unknown texture 'fur'"),
        ('[[materials]]\nname = "a"\ntexture = "grain"\nmodes = [[0, 0]]\nweights = [1]\n', "at least two"),
        ("materials = ", "a material has name"),
    ],
)
def test_a_file_of_no_materials_is_refused(tmp_path, text, message):
    file = tmp_path / "materials.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        find_mixtures(file, size_px=32)


def test_a_folder_is_no_source(tmp_path):
    with pytest.raises(ValueError, match=r"takes a \.toml file of materials"):
        find_mixtures(tmp_path, size_px=32)


def test_a_plugin_gives_materials_of_its_own(tmp_path, monkeypatch):
    def find(source, **wanted):
        return find_mixtures(source, materials=MATERIALS[2:5], **wanted)

    monkeypatch.setitem(DATASETS, "three", DatasetRow("three", find, "", (), "three materials", "here", generated=True))
    photos = load_dataset_photos("three", size_px=32, limit_train=3, limit_test=2, cache_dir=tmp_path)
    assert photos.test.truth.materials == MATERIALS[2:5]
    assert photos.test.truth.material_maps.max() <= 2
