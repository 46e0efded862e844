from itertools import combinations

import numpy as np
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio

from colorbench.metrics import score_samples
from colorbench.metrics.samples import holds_samples, sample_files

K = 3


def save(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


@pytest.fixture
def folders(tmp_path):
    """(samples, photos) on the disk, and what they hold: name -> (the K pictures, the photo)."""
    draw, held = np.random.default_rng(0), {}
    for name in ("beach", "wood", "a.b"):
        photo = np.kron(draw.integers(0, 256, (4, 5, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        noise = [draw.normal(0, spread, photo.shape) for spread in draw.permutation([5, 20, 60])]
        samples = [np.clip(photo + some, 0, 255).astype(np.uint8) for some in noise]
        save(tmp_path / "ref" / f"{name}.png", photo)
        for place, sample in enumerate(samples):
            save(tmp_path / "pred" / name / f"{place}.png", sample)
        held[name] = samples, photo
    return tmp_path / "pred", tmp_path / "ref", held


def test_best_mean_and_diversity_agree_with_scikit_image_in_loops(folders):
    pred, ref, held = folders
    frame = score_samples(pred, ref, ["psnr", "delta-e-2000", "colorfulness"], diversity=["delta-e-2000"])
    assert list(frame.columns) == [
        "best-psnr", "mean-psnr", "best-delta-e-2000", "mean-delta-e-2000", "mean-colorfulness", "diversity-delta-e-2000",
    ]  # fmt: skip
    assert sorted(frame.index) == sorted(held)
    for name, (samples, photo) in held.items():
        psnr = [peak_signal_noise_ratio(photo, sample) for sample in samples]
        labs = [rgb2lab(picture / 255.0) for picture in samples]
        errors = [deltaE_ciede2000(rgb2lab(photo / 255.0), lab).mean() for lab in labs]
        apart = [deltaE_ciede2000(one, other).mean() for one, other in combinations(labs, 2)]
        row = frame.loc[name]
        assert row["best-psnr"] == pytest.approx(max(psnr), rel=1e-4)
        assert row["mean-psnr"] == pytest.approx(np.mean(psnr), rel=1e-4)
        assert row["best-delta-e-2000"] == pytest.approx(min(errors), rel=1e-3)
        assert row["diversity-delta-e-2000"] == pytest.approx(np.mean(apart), rel=1e-3)
    assert frame.attrs["samples"] == K
    assert frame.attrs["missing"] == {}
    assert frame.attrs["versions"]["best-psnr"] == "1"


def test_equal_samples_have_no_diversity(folders):
    pred, ref, held = folders
    for name, (samples, _) in held.items():
        for place in range(K):
            save(pred / name / f"{place}.png", samples[0])
    frame = score_samples(pred, ref, ["psnr"], diversity=["delta-e-2000"])
    assert frame["diversity-delta-e-2000"].tolist() == [0, 0, 0]
    assert frame["best-psnr"].tolist() == pytest.approx(frame["mean-psnr"].tolist())


def test_a_sample_that_cannot_be_read_empties_its_photo_alone(folders):
    pred, ref, _ = folders
    (pred / "wood" / "1.png").write_text("no picture")
    frame = score_samples(pred, ref, ["psnr"], diversity=["delta-e-2000"])
    assert frame.loc["wood"].isna().all()
    assert frame.drop(index="wood").notna().all(axis=None)
    assert list(frame.attrs["unreadable"]) == ["wood"]


def test_without_weights_a_distance_is_missing_with_the_reason(folders, no_weights):
    frame = score_samples(*folders[:2], ["psnr"])
    assert list(frame.attrs["missing"]) == ["diversity-lpips-alex"]
    assert frame["diversity-lpips-alex"].isna().all()


def test_what_has_no_best_of_k_is_refused(folders):
    pred, ref, _ = folders
    with pytest.raises(ValueError, match="fid is of a whole set"):
        score_samples(pred, ref, ["fid"])
    (pred / "wood" / "2.png").unlink()
    with pytest.raises(ValueError, match=r"wood has 2 samples and .* 3: give every photo the same number"):
        score_samples(pred, ref, ["psnr"])
    with pytest.raises(ValueError, match="holds no folders of samples"):
        sample_files(ref)


def test_one_sample_per_photo_is_not_several(folders):
    pred, ref, held = folders
    for name in held:
        for place in (1, 2):
            (pred / name / f"{place}.png").unlink()
    with pytest.raises(ValueError, match="every photo has 1 sample"):
        score_samples(pred, ref, ["psnr"])


def test_folders_of_samples_are_told_from_folders_of_pictures(folders, tmp_path):
    pred, ref, _ = folders
    assert holds_samples(pred)
    assert not holds_samples(ref)
    (ref / "more").mkdir()
    assert not holds_samples(ref)
    (tmp_path / "empty").mkdir()
    assert not holds_samples(tmp_path / "empty")


def test_folders_match_composed_and_decomposed(tmp_path):
    photo = np.full((8, 8, 3), 90, np.uint8)
    save(tmp_path / "ref" / "caf\u00e9.png", photo)
    for place in range(2):
        save(tmp_path / "pred" / "cafe\u0301" / f"{place}.png", photo)
    frame = score_samples(tmp_path / "pred", tmp_path / "ref", ["delta-e-2000"], diversity=["delta-e-2000"])
    assert list(frame.index) == ["caf\u00e9"]
    assert frame.attrs["unmatched"] == []
