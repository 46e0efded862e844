import cmath
import math

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from colorbench.color import lab_to_rgb
from colorbench.metrics import hue_bias, hue_error_histogram, score


def literal(pred, target):
    """Signed errors in degrees of one (3, h, w) picture, pixel by pixel, by complex numbers."""
    pred, target = (rgb2lab(x.movedim(0, -1).double().numpy()) for x in (pred, target))
    found = []
    for (_, a, b), (_, true_a, true_b) in zip(pred.reshape(-1, 3), target.reshape(-1, 3)):
        ours, true = complex(a, b), complex(true_a, true_b)
        if abs(ours) >= 10 and abs(true) >= 10:
            found.append(math.degrees(cmath.phase(ours * true.conjugate())))
    return found


def test_agrees_with_complex_numbers(pair):
    expected = [literal(*pictures) for pictures in zip(*pair)]
    np.testing.assert_allclose(hue_bias(*pair), [np.mean(errors) for errors in expected], atol=2e-3)
    shares, edges = hue_error_histogram(*pair, bins=12)
    for errors, row in zip(expected, shares):
        counted, _ = np.histogram(errors, bins=np.linspace(-180, 180, 13))
        np.testing.assert_allclose(row, counted / len(errors), atol=2e-3)
    assert edges.tolist() == pytest.approx(list(range(-180, 181, 30)))


def turned(hue, chroma=25.0, light=60.0):
    """A constant RGB picture of this hue in degrees."""
    angle = math.radians(hue)
    lab = torch.tensor([light, chroma * math.cos(angle), chroma * math.sin(angle)])
    return lab_to_rgb(lab.view(1, 3, 1, 1)).expand(1, 3, 4, 4).contiguous()


@pytest.mark.parametrize(("true", "ours", "error"), [(60, 90, 30), (250, 280, 30), (350, 10, 20), (10, 350, -20)])
def test_the_sign_is_that_of_the_turn_the_short_way_round(true, ours, error):
    assert hue_bias(turned(ours), turned(true)).item() == pytest.approx(error, abs=0.02)


def test_gray_has_no_hue():
    colored, dull = turned(100), turned(200, chroma=9.5)
    gray = torch.full_like(colored, 0.5)
    for pair in ((gray, colored), (colored, gray), (gray, gray), (dull, colored)):
        assert hue_bias(*pair).item() == 0
        assert hue_error_histogram(*pair)[0].sum() == 0


def test_errors_that_cancel_in_the_mean_stand_in_the_histogram():
    true = torch.cat([turned(100), turned(100)], dim=3)
    ours = torch.cat([turned(140), turned(60)], dim=3)
    assert hue_bias(ours, true).item() == pytest.approx(0, abs=0.02)
    shares, edges = hue_error_histogram(ours, true, bins=36)
    held = shares[0].nonzero().flatten()
    assert shares[0, held].tolist() == pytest.approx([0.5, 0.5])
    assert (edges[held] + 5).abs().tolist() == pytest.approx([40, 40], abs=6)


def test_no_bins_are_refused(pair):
    with pytest.raises(ValueError, match="at least 1 bin, got 0"):
        hue_error_histogram(*pair, bins=0)


def test_score_gives_it_by_name(pair):
    np.testing.assert_allclose(score(*pair, ["hue-bias"])["hue-bias"], hue_bias(*pair), atol=1e-5)
