import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from colorbench.metrics import PictureTooSmall, ms_ssim, ssim
from colorbench.metrics.ssim import MS_SSIM_LEAST_PX, SCALE_WEIGHTS, structure

pytorch_msssim = pytest.importorskip("pytorch_msssim")


def by_scikit_image(pred, target):
    return [
        structural_similarity(
            t.movedim(0, -1).double().numpy(),
            p.movedim(0, -1).double().numpy(),
            channel_axis=-1,
            gaussian_weights=True,
            use_sample_covariance=False,
            data_range=1,
        )
        for p, t in zip(pred, target)
    ]


def test_ssim_agrees_with_scikit_image_and_pytorch_msssim(pair):
    pred, target = pair
    value = ssim(pred, target)
    np.testing.assert_allclose(value, by_scikit_image(pred, target), atol=1e-5)
    expected = pytorch_msssim.ssim(pred, target, data_range=1, size_average=False)
    torch.testing.assert_close(value, expected, atol=1e-5, rtol=0)


@settings(deadline=None, max_examples=20)
@given(
    height=st.integers(11, 40),
    width=st.integers(11, 40),
    batch=st.integers(1, 3),
    contrast=st.sampled_from([0.0, 1e-3, 0.1, 1.0]),
    level=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 99),
)
def test_ssim_agrees_at_any_size_and_contrast(height, width, batch, contrast, level, seed):
    draw = torch.Generator().manual_seed(seed)
    pred, target = (
        (level + contrast * (torch.rand(batch, 3, height, width, generator=draw) - 0.5)).clamp(0, 1) for _ in range(2)
    )
    np.testing.assert_allclose(ssim(pred, target), by_scikit_image(pred, target), atol=1e-5)


def test_ms_ssim_agrees_with_pytorch_msssim_where_sides_are_even(large_pair):
    even = [x[..., :176, :176] for x in large_pair]
    expected = pytorch_msssim.ms_ssim(*even, data_range=1, size_average=False)
    torch.testing.assert_close(ms_ssim(*even), expected, atol=1e-5, rtol=0)
    assert torch.equal(ms_ssim(*even, padding="zero"), expected)


def test_zero_padding_moves_ms_ssim_at_odd_sides(large_pair):
    moved = (ms_ssim(*large_pair, padding="zero") - ms_ssim(*large_pair)).abs()
    assert 1e-4 < moved.max() < 0.05


def test_an_odd_side_repeats_its_last_row_and_column(large_pair):
    """181 x 176 halves to 91, 46, 23, 12: written out with scikit-image's SSIM terms of each scale."""
    pred, target = large_pair
    factors = []
    for scale in range(5):
        mean_ssim, contrast = structure(pred, target)
        factors.append(mean_ssim if scale == 4 else contrast)
        pred, target = (torch.from_numpy(_halved(x.numpy())) for x in (pred, target))
    expected = torch.stack([f**w for f, w in zip(factors, SCALE_WEIGHTS)]).prod(0).mean(1)
    torch.testing.assert_close(ms_ssim(*large_pair), expected, atol=1e-5, rtol=0)


def _halved(x):
    x = np.pad(x, [(0, 0), (0, 0), (0, x.shape[2] % 2), (0, x.shape[3] % 2)], mode="edge")
    return (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4


def test_unknown_padding_is_refused(large_pair):
    with pytest.raises(ValueError, match="unknown padding 'reflect'; known: replicate, zero"):
        ms_ssim(*large_pair, padding="reflect")


def test_a_default_range_of_255_would_call_anything_alike(pair):
    """The trap of pytorch-msssim's default data_range: [0, 1] pictures then score near 1."""
    pred, target = pair
    assert pytorch_msssim.ssim(pred, target, data_range=255).item() > 0.999
    assert ssim(pred, target).mean().item() < 0.9


def test_the_range_is_not_guessed_from_the_batch(pair):
    """The trap of torchmetrics: dark pictures must not be stretched, nor a value depend on its neighbors."""
    pred, target = pair
    both = ssim(torch.cat([pred, pred / 4]), torch.cat([target, target / 4]))
    torch.testing.assert_close(both[:3], ssim(pred, target))
    torch.testing.assert_close(both[3:], ssim(pred / 4, target / 4))


def test_large_pictures_are_not_halved():
    """The trap of piq, which downsamples from 384 px."""
    generator = torch.Generator().manual_seed(3)
    target = torch.rand(1, 3, 384, 384, generator=generator)
    pred = target.roll(1, dims=-1)
    np.testing.assert_allclose(ssim(pred, target), by_scikit_image(pred, target), atol=1e-5)


def test_small_pictures_are_refused_with_the_size_that_is_needed():
    small = torch.rand(1, 3, 8, 8)
    with pytest.raises(PictureTooSmall, match="ssim needs 11 px per side, got 8 x 8"):
        ssim(small, small)
    with pytest.raises(PictureTooSmall, match="ms-ssim needs 161 px per side, got 160 x 160"):
        ms_ssim(torch.rand(1, 3, 160, 160), torch.rand(1, 3, 160, 160))
    assert MS_SSIM_LEAST_PX == 161


def test_gradients_are_finite_where_scales_have_no_structure():
    pred = torch.full((1, 3, 161, 161), 0.5, requires_grad=True)
    checker = (torch.arange(161 * 161) % 2).float().view(1, 1, 161, 161).expand(1, 3, -1, -1)
    (ms_ssim(pred, checker) + ms_ssim(1 - checker + 0 * pred, checker) + ssim(pred, pred.detach())).sum().backward()
    assert pred.grad.isfinite().all()


@pytest.mark.compiled
def test_compiled_values_are_the_eager_ones(pair, large_pair, monkeypatch):
    eager = ssim(*pair), ms_ssim(*large_pair)
    monkeypatch.setenv("COLORBENCH_COMPILE", "1")
    torch.testing.assert_close((ssim(*pair), ms_ssim(*large_pair)), eager, atol=2e-6, rtol=0)
