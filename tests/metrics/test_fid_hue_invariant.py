import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from skimage.color import lab2rgb, rgb2lab

from colorbench.color import rgb_to_lab
from colorbench.metrics import colorfulness, fid, fid_hue_invariant, score, set_score
from colorbench.metrics.fid_hue_invariant import with_colorfulness
from tests.metrics.test_colorfulness import line


def literal(pred, target):
    """One (3, h, w) prediction with its photo's colorfulness: the root that SciPy finds, scikit-image's colors."""
    lab = rgb2lab(pred.movedim(0, -1).double().numpy())

    def scaled(factor):
        return torch.from_numpy(np.clip(lab2rgb(lab * [1, factor, factor]), 0, 1)).movedim(-1, 0)

    return scaled(brentq(lambda factor: line(scaled(factor)) - line(target), 0, 4))


pytestmark = pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB")  # of colors outside sRGB, which are clipped


@pytest.fixture
def dull(pair):
    """(pred, photo): the photo's hues with little chroma, and noise."""
    pred, photo = pair
    return pred.mean(dim=1, keepdim=True) + 0.4 * (pred - pred.mean(dim=1, keepdim=True)), photo


def test_the_scaled_picture_is_the_one_with_the_photos_colorfulness(dull):
    pred, photo = dull
    ours = with_colorfulness(rgb_to_lab(pred), colorfulness(photo))
    expected = torch.stack([literal(*pictures) for pictures in zip(pred, photo)])
    torch.testing.assert_close(ours.double(), expected, atol=2e-3, rtol=0)
    torch.testing.assert_close(colorfulness(ours), colorfulness(photo), rtol=2e-3, atol=0)


def test_gray_stays_gray_and_too_dull_a_picture_gets_the_largest_factor(pair):
    gray = 0.2 + 0.6 * pair[1].mean(dim=1, keepdim=True).expand_as(pair[1])
    assert colorfulness(with_colorfulness(rgb_to_lab(gray), colorfulness(pair[1]))).max() < 0.1
    hardly = rgb_to_lab(gray + 0.01 * torch.tensor([1.0, 0, -1]).view(3, 1, 1))
    ours = rgb_to_lab(with_colorfulness(hardly, torch.full((3,), 250.0)))
    torch.testing.assert_close(ours[:, 1:], 4 * hardly[:, 1:], atol=0.05, rtol=0.01)


def test_it_is_fid_of_the_scaled_pictures(weights, dull):
    pred, photo = (pictures[:2] for pictures in dull)
    expected = fid(torch.stack([literal(*pictures) for pictures in zip(pred, photo)]).float(), photo)
    ours = fid_hue_invariant(pred, photo).item()
    assert ours == pytest.approx(expected.item(), rel=5e-3)
    frame = score(pred, photo, ["fid", "fid-hue-invariant"])
    assert frame.attrs["set"]["fid-hue-invariant"] == pytest.approx(ours, rel=1e-4)
    assert set(frame.attrs["notes"]) == {"fid", "fid-hue-invariant"}


def test_without_weights_it_is_missing_with_the_reason(no_weights, pair):
    frame = score(*pair, ["fid-hue-invariant", "delta-cf"])
    assert list(frame.attrs["missing"]) == ["fid-hue-invariant"]
    assert set_score(*pair, "delta-cf") == frame.attrs["set"]["delta-cf"]
