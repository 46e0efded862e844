import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.color import deltaE_ciede2000, rgb2lab

from colorbench.metrics import color_bleeding, score
from colorbench.metrics.bleeding import near_edges


def literal(pred, target):
    """The definition by SciPy and scikit-image, of one (3, h, w) picture."""
    pred, target = (rgb2lab(x.movedim(0, -1).double().numpy()) for x in (pred, target))
    across, down = (ndimage.sobel(target[..., 0], axis, mode="nearest") / 8 for axis in (0, 1))
    near = ndimage.binary_dilation(np.hypot(across, down) >= 16, np.ones((5, 5)))
    difference = deltaE_ciede2000(target, pred)
    return difference[near].mean() - difference[~near].mean()


@pytest.fixture
def scene():
    """(pred, photo): three bright squares on a dark ground; the prediction's colors are shifted by two pixels."""
    draw = torch.Generator().manual_seed(0)
    photo = torch.full((3, 3, 40, 48), 0.2) + 0.05 * torch.rand(3, 3, 40, 48, generator=draw)
    photo[:, :, 10:26, 12:30] = torch.rand(3, 3, 1, 1, generator=draw) * 0.4 + 0.6
    return photo.roll((2, -2), dims=(2, 3)), photo


def test_agrees_with_scipy_and_scikit_image(scene):
    expected = [literal(*pictures) for pictures in zip(*scene)]
    assert min(expected) > 1
    np.testing.assert_allclose(color_bleeding(*scene), expected, rtol=1e-4)


def test_an_edge_has_two_pixels_on_each_side_and_their_neighbors():
    lab = torch.zeros(1, 3, 5, 20)
    lab[:, 0, :, 10:] = 32  # rises by 16 per pixel over the columns 9 and 10
    assert near_edges(lab)[0, 0].nonzero().flatten().tolist() == [7, 8, 9, 10, 11, 12]
    lab[:, 0, :, 10:] = 31.9
    assert not near_edges(lab).any()


def test_the_photo_itself_has_none_and_an_error_inside_a_surface_is_negative(scene):
    photo = scene[1]
    assert color_bleeding(photo, photo).abs().max() == 0
    inside = photo.clone()
    inside[:, :, 30:38, 36:46] = torch.tensor([0.5, 0.1, 0.1]).view(3, 1, 1)
    assert (color_bleeding(inside, photo) < -0.1).all()


def test_a_photo_without_edges_has_none():
    photo = torch.full((2, 3, 12, 12), 0.4)
    assert color_bleeding(torch.rand(2, 3, 12, 12), photo).tolist() == [0, 0]


def test_score_gives_it_by_name_only(scene):
    frame = score(*scene, ["color-bleeding", "delta-e-2000"])
    np.testing.assert_allclose(frame["color-bleeding"], color_bleeding(*scene), rtol=1e-6)
    assert "color-bleeding" not in score(*scene).columns
