import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.distance import jensenshannon

from colorbench.metrics import cdc, score, score_folders
from colorbench.tensors import TooFewPictures


def literal(frames):
    """Liu et al.'s formula in loops: NumPy's histograms, SciPy's divergence."""
    found = []
    for gap in (1, 2, 4):
        values = []
        for first, second in zip(frames, frames[gap:]):
            for channel in range(3):
                pair = [np.histogram(x[..., channel], 256, (0, 256))[0] / x[..., 0].size for x in (first, second)]
                values.append(jensenshannon(*pair) ** 2)  # SciPy gives the root
        found.append(np.mean(values))
    return np.mean(found)


@pytest.fixture
def frames():
    """Nine frames `(9, 10, 12, 3)` uint8 of noise whose level drifts and jumps."""
    draw = np.random.default_rng(0)
    levels = np.array([0, 2, 4, 30, 31, 33, 80, 81, 83])[:, None, None, None]
    return (draw.normal(90, 15, (9, 10, 12, 3)) + levels).clip(0, 255).astype(np.uint8)


def test_agrees_with_the_formula_in_loops(frames):
    rgb = torch.from_numpy(frames).movedim(-1, 1)
    assert literal(frames) > 0.05
    assert cdc(rgb).item() == pytest.approx(literal(frames), rel=1e-5)
    assert cdc(rgb.float() / 255).item() == pytest.approx(literal(frames), rel=1e-5)


def test_frames_of_a_folder_come_in_the_order_of_their_names(frames, tmp_path):
    for place, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"frame-{place:03}.png")
    found = score_folders(tmp_path, tmp_path, ["cdc"]).attrs["set"]["cdc"]
    assert found == pytest.approx(literal(frames), rel=1e-5)


def test_a_still_is_consistent_and_the_truth_is_not_looked_at(frames):
    still = torch.from_numpy(frames[:1]).movedim(-1, 1).repeat(6, 1, 1, 1)
    assert cdc(still).item() == 0
    moving = torch.from_numpy(frames[:6]).movedim(-1, 1)
    assert score(still, moving, ["cdc"]).attrs["set"]["cdc"] == 0


def test_four_frames_are_too_few(frames):
    rgb = torch.from_numpy(frames[:4]).movedim(-1, 1)
    with pytest.raises(TooFewPictures, match="4 are too few"):
        cdc(rgb)
    assert "4 are too few" in score(rgb, rgb, ["cdc"]).attrs["missing"]["cdc"]
