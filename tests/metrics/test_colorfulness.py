import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from colorbench.metrics import (
    colorfulness,
    colorfulness_abs,
    colorfulness_bias,
    colorfulness_error,
    delta_cf,
    score,
)


def line(rgb, absolute=False):
    """Hasler & Suesstrunk's M3 of one (3, h, w) picture in float64."""
    r, g, b = 255 * rgb.double().numpy()
    rg, yb = r - g, (r + g) / 2 - b
    rg, yb = (np.abs(rg), np.abs(yb)) if absolute else (rg, yb)
    return np.sqrt(rg.var() + yb.var()) + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2)


@settings(deadline=None, max_examples=40)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.just(3), st.integers(1, 9), st.integers(1, 9)),
        elements=st.floats(0, 1, width=32),
    )
)
def test_agrees_with_a_float64_line(pictures):
    rgb = torch.from_numpy(pictures)
    np.testing.assert_allclose(colorfulness(rgb), [line(x) for x in rgb], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(colorfulness_abs(rgb), [line(x, True) for x in rgb], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("border", [0, 1, 40, 64])
@pytest.mark.parametrize("spread", [1e-4, 1e-2])
def test_saturated_color_with_hardly_any_variance(border, spread):
    """Where mean^2 is a million times the variance, with black bars (one of them on the row that is guessed from)."""
    generator = torch.Generator().manual_seed(border)
    rgb = torch.tensor([1.0, 0.1, 0.0]).view(1, 3, 1, 1) - spread * torch.rand(1, 3, 128, 128, generator=generator)
    rgb[:, :, 64 - border // 2 : 64 + (border + 1) // 2] = 0
    np.testing.assert_allclose(colorfulness(rgb), [line(rgb[0])], rtol=1e-5)


def test_uint8_arithmetic_does_not_wrap():
    """The trap: R - G on uint8 wraps around."""
    picture = torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    wrapped = (picture[0, 0] - picture[0, 1]).float()
    assert not torch.equal(wrapped, picture[0, 0].float() - picture[0, 1].float())
    assert torch.equal(colorfulness(picture), colorfulness(picture.float() / 255))


def test_the_absolute_variant_reads_lower(pair):
    assert (colorfulness_abs(pair[1]) < colorfulness(pair[1])).all()


def test_per_image_error_sees_what_the_difference_of_means_does_not():
    """Two photos with each other's colors: the means agree, no picture does."""
    gray = torch.full((1, 3, 8, 8), 0.5)
    vivid = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    pred, target = torch.cat([gray, vivid]), torch.cat([vivid, gray])
    assert colorfulness_bias(pred, target).mean().abs().item() < 1e-4
    assert colorfulness_error(pred, target).min().item() > 50


def test_delta_cf_is_the_difference_of_the_means_of_the_absolute_variant(pair):
    means = [np.mean([line(picture, absolute=True) for picture in pictures]) for pictures in pair]
    expected = abs(means[0] - means[1])
    assert expected > 0.1
    assert delta_cf(*pair).item() == pytest.approx(expected, rel=1e-4)
    assert score(*pair, ["delta-cf"]).attrs["set"]["delta-cf"] == pytest.approx(expected, rel=1e-4)


def test_delta_cf_is_blind_to_errors_that_cancel():
    """Two photos with each other's colors."""
    gray = torch.full((1, 3, 8, 8), 0.5)
    vivid = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert delta_cf(torch.cat([gray, vivid]), torch.cat([vivid, gray])).item() < 1e-4


def test_gray_and_constant_pictures_have_zero_and_a_finite_gradient():
    for level in (0.0, 0.5, 1.0):
        gray = torch.full((1, 3, 4, 4), level, requires_grad=True)
        value = colorfulness(gray) + colorfulness_abs(gray)
        value.sum().backward()
        assert value.item() == 0
        assert gray.grad.isfinite().all()
    constant = torch.tensor([0.2, 0.5, 0.9]).view(1, 3, 1, 1).repeat(1, 1, 4, 4).requires_grad_()
    colorfulness(constant).sum().backward()
    assert constant.grad.isfinite().all()


def test_gradcheck_in_float64():
    rgb = torch.rand(2, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(colorfulness, rgb.requires_grad_())


@pytest.mark.compiled
def test_compiled_values_are_the_eager_ones(pair, monkeypatch):
    eager = colorfulness(pair[0])
    monkeypatch.setenv("COLORBENCH_COMPILE", "1")
    torch.testing.assert_close(colorfulness(pair[0]), eager, rtol=1e-5, atol=0)


@pytest.mark.compiled
def test_compiled_gradients_of_pictures_with_few_rows(monkeypatch, tmp_path):
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    for shape in ((4, 3, 128, 128), (128, 3, 24, 24), (2, 3, 11, 6000), (1, 3, 1, 50_000)):
        rgb = torch.rand(shape, generator=torch.Generator().manual_seed(0), requires_grad=True)
        found = []
        for mode in ("1", "0"):
            monkeypatch.setenv("COLORBENCH_COMPILE", mode)
            found.append(torch.autograd.grad(colorfulness(rgb).sum(), rgb)[0])
        torch.testing.assert_close(*found, atol=1e-5 * float(found[1].abs().max()), rtol=0)
    assert len(list(tmp_path.glob("kernels/*/kernel.pt2"))) == 2
