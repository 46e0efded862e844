import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage.color import deltaE_cie76, deltaE_ciede2000, rgb2lab

from colorbench.metrics import delta_e_76, delta_e_76_lab, delta_e_2000, delta_e_2000_lab

# Sharma, Wu, Dalal 2005, table 1: L a b, L a b, CIEDE2000
SHARMA = np.array(
    [
        [50.0, 2.6772, -79.7751, 50.0, 0.0, -82.7485, 2.0425],
        [50.0, 3.1571, -77.2803, 50.0, 0.0, -82.7485, 2.8615],
        [50.0, 2.8361, -74.02, 50.0, 0.0, -82.7485, 3.4412],
        [50.0, -1.3802, -84.2814, 50.0, 0.0, -82.7485, 1.0],
        [50.0, -1.1848, -84.8006, 50.0, 0.0, -82.7485, 1.0],
        [50.0, -0.9009, -85.5211, 50.0, 0.0, -82.7485, 1.0],
        [50.0, 0.0, 0.0, 50.0, -1.0, 2.0, 2.3669],
        [50.0, -1.0, 2.0, 50.0, 0.0, 0.0, 2.3669],
        [50.0, 2.49, -0.001, 50.0, -2.49, 0.0009, 7.1792],
        [50.0, 2.49, -0.001, 50.0, -2.49, 0.001, 7.1792],
        [50.0, 2.49, -0.001, 50.0, -2.49, 0.0011, 7.2195],
        [50.0, 2.49, -0.001, 50.0, -2.49, 0.0012, 7.2195],
        [50.0, -0.001, 2.49, 50.0, 0.0009, -2.49, 4.8045],
        [50.0, -0.001, 2.49, 50.0, 0.001, -2.49, 4.8045],
        [50.0, -0.001, 2.49, 50.0, 0.0011, -2.49, 4.7461],
        [50.0, 2.5, 0.0, 50.0, 0.0, -2.5, 4.3065],
        [50.0, 2.5, 0.0, 73.0, 25.0, -18.0, 27.1492],
        [50.0, 2.5, 0.0, 61.0, -5.0, 29.0, 22.8977],
        [50.0, 2.5, 0.0, 56.0, -27.0, -3.0, 31.903],
        [50.0, 2.5, 0.0, 58.0, 24.0, 15.0, 19.4535],
        [50.0, 2.5, 0.0, 50.0, 3.1736, 0.5854, 1.0],
        [50.0, 2.5, 0.0, 50.0, 3.2972, 0.0, 1.0],
        [50.0, 2.5, 0.0, 50.0, 1.8634, 0.5757, 1.0],
        [50.0, 2.5, 0.0, 50.0, 3.2592, 0.335, 1.0],
        [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
        [63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.263],
        [61.2901, 3.7196, -5.3901, 61.4292, 2.248, -4.962, 1.8731],
        [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
        [22.7233, 20.0904, -46.694, 23.0331, 14.973, -42.5619, 2.0373],
        [36.4612, 47.858, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146],
        [90.8027, -2.0831, 1.441, 91.1528, -1.6435, 0.0447, 1.4441],
        [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
        [6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377],
        [2.0776, 0.0795, -1.135, 0.9033, -0.0636, -0.5514, 0.9082],
    ]
)


def sharma(dtype):
    first, second = SHARMA[:, :3], SHARMA[:, 3:6]
    return [torch.tensor(lab, dtype=dtype).T.reshape(1, 3, 1, -1) for lab in (first, second)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_34_pairs_of_sharma_both_ways_round(dtype):
    first, second = sharma(dtype)
    for lab in ((first, second), (second, first)):
        np.testing.assert_allclose(delta_e_2000_lab(*lab).flatten(), SHARMA[:, 6], atol=5e-5)


def test_float32_colors_take_the_side_that_their_numbers_have():
    """They are numbers of float64 too, where the side is known; exactly opposite ones are Sharma's pairs 10 and 14."""
    draw = torch.Generator().manual_seed(0)
    angle = torch.rand(4000, generator=draw, dtype=torch.float64) * 2 * torch.pi
    turned = angle + torch.pi + 3e-6 * (torch.rand(4000, generator=draw, dtype=torch.float64) - 0.5)
    lab = [
        torch.stack([torch.full_like(a, 60.0), 90 * a.cos(), 90 * a.sin()]).T[..., None, None] for a in (angle, turned)
    ]
    issue = [(60, -79.86355100472929, 60.18150231520482), (60, 79.863656041144, -60.18136292692152)]
    lab = [torch.cat([some, torch.tensor(pair).view(1, 3, 1, 1)]).float() for some, pair in zip(lab, issue)]
    found = delta_e_2000_lab(*lab)
    torch.testing.assert_close(found.double(), delta_e_2000_lab(*(some.double() for some in lab)), atol=1e-3, rtol=0)
    assert round(found[-1].item(), 2) == 102.07


def test_nearly_opposite_hues_in_float64_have_a_short_way_round():
    """A tenth of a millionth of a turn off opposite: a float32 tolerance would call it exactly opposite, and 59.59."""
    first = torch.tensor([60, -79.86355100472929, 60.18150231520482], dtype=torch.float64).view(1, 3, 1, 1)
    second = torch.tensor([60, 79.863656041144, -60.18136292692152], dtype=torch.float64).view(1, 3, 1, 1)
    for pair in ((first, second), (second, first)):
        assert delta_e_2000_lab(*pair).item() == pytest.approx(102.065, abs=5e-4)


def test_nothing_is_broadcast_and_8_bits_are_no_lab():
    lab = torch.rand(4, 3, 5, 5)
    for measure in (delta_e_76_lab, delta_e_2000_lab):
        with pytest.raises((ValueError, TypeError)):
            measure(lab[:1], lab)
        with pytest.raises((ValueError, TypeError)):
            measure(lab.byte(), lab.byte())


@settings(deadline=None, max_examples=50)
@given(arrays.arrays(np.float64, (2, 3, 2, 3), elements=st.floats(-100, 100, width=32)))
def test_agrees_with_scikit_image_on_any_lab(lab):
    lab[:, 0] = np.abs(lab[:, 0])
    pixels = np.moveaxis(lab, 1, -1)
    first, second = torch.from_numpy(lab)[:, None].unbind(0)
    # opposite hues have two mean hues: scikit-image flips between them on a rounding
    expected = deltaE_ciede2000(pixels[0], pixels[1])
    opposite = np.abs(np.sum(pixels[0, ..., 1:] * pixels[1, ..., 1:], -1)) > (1 - 1e-9) * np.prod(
        np.linalg.norm(pixels[..., 1:], axis=-1), 0
    )
    ours = delta_e_2000_lab(first, second)[0].numpy()
    np.testing.assert_allclose(np.where(opposite, 0, ours), np.where(opposite, 0, expected), atol=5e-5)
    np.testing.assert_allclose(delta_e_76_lab(first, second)[0], deltaE_cie76(pixels[0], pixels[1]), atol=1e-9)


def test_from_rgb_it_agrees_with_scikit_image(pair):
    pred, target = pair
    labs = [rgb2lab(x.movedim(1, -1).double().numpy()) for x in pair]
    np.testing.assert_allclose(delta_e_2000(pred, target), deltaE_ciede2000(*labs).mean((1, 2)), atol=1e-3)
    np.testing.assert_allclose(delta_e_76(pred, target), deltaE_cie76(*labs).mean((1, 2)), atol=1e-3)


BLACK, WHITE, GRAY, RED, OUTSIDE = (
    torch.tensor(color).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    for color in ([0.0, 0, 0], [1.0, 1, 1], [0.5, 0.5, 0.5], [1.0, 0, 0], [1.3, -0.2, 0.4])
)


@pytest.mark.parametrize("measure", [delta_e_2000, delta_e_76])
@pytest.mark.parametrize("pred", [BLACK, WHITE, GRAY, RED, OUTSIDE])
@pytest.mark.parametrize("target", [BLACK, WHITE, GRAY, RED])
def test_gradients_are_finite(measure, pred, target):
    pred, target = pred.clone().requires_grad_(), target.clone().requires_grad_()
    value = measure(pred, target)
    value.sum().backward()
    assert value.isfinite().all()
    assert pred.grad.isfinite().all()
    assert target.grad.isfinite().all()


@pytest.mark.parametrize("ab", [(0.0, 0.0), (1e-20, 0.0), (1e-6, -1e-6), (20.0, 5.0)])
def test_lab_gradients_are_finite_and_bounded_at_gray(ab):
    """Naive autograd is NaN wherever one color is gray: in colorization, always."""
    pred = torch.tensor([50.0, 0.0, 0.0]).view(1, 3, 1, 1).requires_grad_()
    target = torch.tensor([50.0, *ab]).view(1, 3, 1, 1)
    delta_e_2000_lab(pred, target).sum().backward()
    assert pred.grad.isfinite().all()
    assert pred.grad.abs().max() < 10


def test_gray_is_pulled_towards_color():
    pred = torch.tensor([50.0, 1e-3, 0.0]).view(1, 3, 1, 1).requires_grad_()
    target = torch.tensor([50.0, 20.0, 0.0]).view(1, 3, 1, 1)
    delta_e_2000_lab(pred, target).sum().backward()
    assert pred.grad[0, 1].item() < -0.1


def test_gradcheck_in_float64():
    generator = torch.Generator().manual_seed(0)
    pred, target = (60 * torch.rand(1, 3, 3, 3, dtype=torch.float64, generator=generator) - 20 for _ in range(2))
    assert torch.autograd.gradcheck(delta_e_2000_lab, (pred.requires_grad_(), target.requires_grad_()))
    assert torch.autograd.gradcheck(delta_e_76_lab, (pred, target))


@pytest.mark.compiled
def test_compiled_values_are_the_eager_ones(pair, monkeypatch):
    eager = delta_e_2000(*pair)
    monkeypatch.setenv("COLORBENCH_COMPILE", "1")
    torch.testing.assert_close(delta_e_2000(*pair), eager, atol=1e-4, rtol=0)
    first, second = sharma(torch.float32)
    np.testing.assert_allclose(delta_e_2000_lab(first, second).flatten(), SHARMA[:, 6], atol=5e-5)
