import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import nn
from torchvision import models

from colorbench.features import load_features
from colorbench.metrics import score_folders, score_protocols
from colorbench.metrics.protocol_score import spread
from tests.metrics.conftest import small_photos


@pytest.fixture
def folders(tmp_path):
    """Two photos of different sizes and their predictions."""
    for name in ("made", "true"):
        (tmp_path / name).mkdir()
    for k, (pred, photo) in enumerate(small_photos()[:2]):
        Image.fromarray(pred).save(tmp_path / "made" / f"{k}.png")
        Image.fromarray(photo).save(tmp_path / "true" / f"{k}.png")
    return tmp_path / "made", tmp_path / "true"


def read(folders):
    return [[np.array(Image.open(folder / f"{k}.png")) for folder in folders] for k in (0, 1)]


def test_the_own_column_is_that_of_score(folders, no_weights):
    frame, rows = score_protocols(*folders, ["colorbench"]), score_folders(*folders, ["psnr", "ssim", "colorfulness"])
    for key in rows:
        assert frame.at[key, "colorbench"] == pytest.approx(rows[key].mean(), rel=1e-6)


def test_columns_and_how_far_they_move(folders, no_weights):
    seen = []
    names = ["ct2", "svcnet", "scikit-image"]
    frame = score_protocols(*folders, names, on_progress=lambda *done: seen.append(done))
    assert list(frame) == names
    assert seen == [(1, 2), (2, 2)]
    pairs = read(folders)
    psnr = np.mean([peak_signal_noise_ratio(photo, pred) for pred, photo in pairs])
    assert frame.loc["psnr", ["svcnet", "scikit-image"]].tolist() == pytest.approx([psnr, psnr], abs=1e-4)
    ssim = {
        name: np.mean([structural_similarity(b / 255, a / 255, channel_axis=2, data_range=size) for a, b in pairs])
        for name, size in (("svcnet", 2), ("scikit-image", 1))
    }
    assert frame.loc["ssim", list(ssim)].tolist() == pytest.approx(list(ssim.values()), abs=1e-5)
    moves = spread(frame)
    assert moves["ssim"] == pytest.approx(frame.loc["ssim"].max() - frame.loc["ssim"].min())
    assert np.isnan(moves["colorfulness"])  # one protocol alone has it


def test_what_needs_weights_is_empty_with_a_reason(folders, no_weights):
    frame = score_protocols(*folders, ["ct2", "ddcolor-crop", "clean-fid"])
    assert frame.loc["fid"].isna().all()
    missing = frame.attrs["missing"]
    assert "inception-torchvision weights are a download" in missing["ct2"]["fid"]
    assert "inception-torchvision weights are a download" in missing["ddcolor-crop"]["fid"]
    assert missing["clean-fid"]["fid"].startswith("inception weights are a download")
    assert "vgg16 weights are a download" in missing["ct2"]["lpips-vgg"]
    assert frame["ct2"].notna().sum() == 4
    assert frame.attrs["notes"] == {"fid": "indicative: 2 pictures, fewer than 2048"}


def test_predictions_of_another_size(folders, no_weights):
    path = folders[0] / "0.png"
    Image.open(path).resize((50, 40)).save(path)
    frame = score_protocols(*folders, ["svcnet", "unicolor"])
    assert frame["svcnet"].isna().all()
    assert "prediction 0 is 40 x 50" in frame.attrs["missing"]["svcnet"]["psnr"]
    assert np.isfinite(frame.at["psnr", "unicolor"])  # which resizes both
    resized = score_protocols(*folders, ["svcnet"], resize=True)
    expected = score_folders(*folders, ["psnr"], resize=True)["psnr"].mean()
    assert resized.at["psnr", "svcnet"] == pytest.approx(expected, rel=1e-6)


def test_files_that_are_left_out_and_small_pictures(folders, no_weights):
    (folders[0] / "bad.png").write_bytes(b"no picture")
    Image.new("RGB", (6, 6)).save(folders[1] / "bad.png")
    Image.new("RGB", (6, 6)).save(folders[1] / "alone.png")
    frame = score_protocols(*folders, ["scikit-image"])
    assert frame.attrs["pictures"] == 2
    assert list(frame.attrs["unreadable"]) == ["bad"]
    assert frame.attrs["unmatched"] == ["alone"]
    Image.new("RGB", (6, 6)).save(folders[0] / "bad.png")
    frame = score_protocols(*folders, ["scikit-image"])
    assert frame.at["psnr", "scikit-image"] == np.inf  # an identical pair, as the script would have it
    assert "ssim" in frame.attrs["missing"]["scikit-image"]


def test_nothing_to_score(folders, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"no prediction has the name of a reference: predictions x, references 0, 1"):
        score_protocols(tmp_path / "other", folders[1])
    with pytest.raises(ValueError, match="no pair of pictures could be read: not a picture"):
        score_protocols(tmp_path / "other", tmp_path / "other")


def _distance(pred, photo):
    """FID of few pictures in float64, its last term by the nuclear norm of the centered features."""
    pred, photo = (x.double().numpy() for x in (pred, photo))
    centered = [x - x.mean(0) for x in (pred, photo)]
    spreads = sum((x**2).sum() / (len(x) - 1) for x in centered)
    cross = np.linalg.svd(centered[0] @ centered[1].T, compute_uv=False).sum() / (len(pred) - 1)
    return ((pred.mean(0) - photo.mean(0)) ** 2).sum() + spreads - 2 * cross


def test_clean_fid(weights, folders):
    network = load_features("inception")

    def features(picture):
        channels = [Image.fromarray(x.astype(np.float32)) for x in picture.transpose(2, 0, 1)]
        levels = np.stack([np.array(x.resize((299, 299), Image.Resampling.BICUBIC)) for x in channels]).clip(0, 255)
        return network.forward_resized(torch.from_numpy(levels)[None])

    pred, photo = (torch.cat([features(pair[side]) for pair in read(folders)]) for side in (0, 1))
    found = score_protocols(*folders, ["clean-fid"]).at["fid", "clean-fid"]
    assert found == pytest.approx(_distance(pred, photo), rel=1e-3)


def test_fid_of_ct2_on_its_own_network(folders, no_weights):
    """torchvision's Inception with random weights, its blocks in a row as the script has them."""
    torch.manual_seed(0)
    inception = models.inception_v3(weights=None, init_weights=False).eval()
    (no_weights / "weights").mkdir()
    torch.save(inception.state_dict(), no_weights / "weights" / "inception_v3_google-1a9a5a14.pth")
    blocks = [inception.Conv2d_1a_3x3, inception.Conv2d_2a_3x3, inception.Conv2d_2b_3x3, nn.MaxPool2d(3, 2)]
    blocks += [inception.Conv2d_3b_1x1, inception.Conv2d_4a_3x3, nn.MaxPool2d(3, 2)]
    blocks += [getattr(inception, f"Mixed_{name}") for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e")]
    blocks += [inception.Mixed_7a, inception.Mixed_7b, inception.Mixed_7c, nn.AdaptiveAvgPool2d(1)]

    @torch.no_grad()
    def features(picture):
        image = Image.fromarray(picture)
        short = min(image.size)
        left, top = ((side - short) // 2 for side in image.size)
        image = image.crop((left, top, left + short, top + short)).resize((256, 256), Image.Resampling.BILINEAR)
        x = torch.from_numpy(np.array(image) / 127.5 - 1).movedim(-1, 0)[None].float()
        x = nn.functional.interpolate(x, size=(299, 299), mode="bilinear") * 0.5 + 0.5
        for channel, (mean, std) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):
            x[:, channel] = x[:, channel] * (std / 0.5) + (mean - 0.5) / 0.5
        return nn.Sequential(*blocks)(x).flatten(1)

    pred, photo = (torch.cat([features(pair[side]) for pair in read(folders)]) for side in (0, 1))
    found = score_protocols(*folders, ["ct2"]).at["fid", "ct2"]
    assert found == pytest.approx(_distance(pred, photo), rel=1e-3)
