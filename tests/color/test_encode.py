import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from colorbench.color import ab_bins, densify, nearest_bin, rgb_to_lab, soft_encode
from colorbench.color.encode import _search, _search_on_device


def colors(spread: float = 130.0) -> torch.Tensor:
    """ab of random sRGB colors on the left, anything up to far outside the gamut on the right."""
    generator = torch.Generator().manual_seed(3)
    inside = rgb_to_lab(torch.rand(2, 3, 40, 20, generator=generator))[:, 1:]
    return torch.cat([inside, (torch.rand(2, 2, 40, 20, generator=generator) * 2 - 1) * spread], dim=-1)


def dense_reference(ab: torch.Tensor, k: int, step: int, sigma: float = 5.0) -> torch.Tensor:
    """By scikit-learn's search and float64 weights, `(pixels, bins)`."""
    bins, pixels = ab_bins(step).double(), ab.movedim(1, -1).reshape(-1, 2).double()
    distance, index = NearestNeighbors(n_neighbors=k).fit(bins.numpy()).kneighbors(pixels.numpy())
    weights = torch.softmax(torch.from_numpy(distance).square() / (-2 * sigma**2), 1)
    return torch.zeros(len(pixels), len(bins), dtype=torch.float64).scatter(1, torch.from_numpy(index), weights)


@pytest.mark.parametrize("step", [10, 5, 20])
@pytest.mark.parametrize("k", [1, 5, 7, 10, 16, 20])
def test_exact_against_a_nearest_neighbor_search(k, step):
    ab = colors()
    indices, weights = soft_encode(ab, k=k, step=step)
    dense = densify(indices, weights, len(ab_bins(step))).movedim(1, -1).reshape(-1, len(ab_bins(step)))
    torch.testing.assert_close(dense.double(), dense_reference(ab, k, step), atol=1e-6, rtol=0)


@pytest.mark.parametrize("sigma", [0.5, 5.0, 40.0])
def test_any_sigma(sigma):
    ab = colors(100)
    dense = densify(*soft_encode(ab, k=10, sigma=sigma)).movedim(1, -1).reshape(-1, 313)
    torch.testing.assert_close(dense.double(), dense_reference(ab, 10, 10, sigma), atol=5e-6, rtol=0)


def test_ties_have_equal_weights():
    middles = torch.tensor([[5.0, 5.0], [0.0, 0.0], [5.0, 0.0], [-5.0, 15.0]]).reshape(4, 2, 1, 1)
    _, weights = soft_encode(middles, k=5)
    bins, pixels = ab_bins().double(), middles.flatten(1).double()
    distances = torch.cdist(pixels, bins).topk(5, largest=False).values
    expected = torch.softmax(distances.square() / -50, 1)
    torch.testing.assert_close(weights.flatten(1).sort(1, descending=True).values.double(), expected, atol=1e-6, rtol=0)


def test_the_published_code_used_ten_neighbors():
    """5 or 10 neighbors: the mean L1 between the targets is about .09, and the entropies 1.2 to 1.6 nats."""
    ab = rgb_to_lab(torch.rand(1, 3, 30, 30, generator=torch.Generator().manual_seed(0)))[:, 1:]
    five, ten = densify(*soft_encode(ab, 5)), densify(*soft_encode(ab, 10))
    assert 0.05 < (five - ten).abs().sum(1).mean() < 0.15
    assert 1.0 < torch.special.entr(five).sum(1).mean() < torch.special.entr(ten).sum(1).mean() < 1.7


def test_the_nearest_comes_first_and_the_weights_sum_to_one():
    indices, weights = soft_encode(colors())
    assert (weights[:, :1] >= weights).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(2, 40, 40))
    assert torch.equal(indices[:, 0], nearest_bin(colors()))


def test_no_bin_is_named_twice():
    indices = soft_encode(colors())[0].sort(1).values
    assert (indices[:, 1:] > indices[:, :-1]).all()
    assert indices.min() >= 0
    assert indices.max() < 313


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2), st.integers(1, 6), st.integers(1, 6), st.integers(1, 18), st.floats(-200, 200))
def test_any_shape_and_value(b, h, w, k, value):
    indices, weights = soft_encode(torch.full((b, 2, h, w), value), k=k)
    assert indices.shape == weights.shape == (b, k, h, w)
    assert weights.isfinite().all()


def test_views_half_precision_and_float64():
    ab = colors()
    indices, weights = soft_encode(ab[:, :, ::4, ::4])
    expected = soft_encode(ab[:, :, ::4, ::4].contiguous())
    assert torch.equal(indices, expected[0])
    assert torch.equal(weights, expected[1])
    assert soft_encode(ab.bfloat16())[1].dtype == torch.float32
    assert soft_encode(ab.double())[1].dtype == torch.float64
    assert soft_encode(ab.bfloat16(), k=20)[1].dtype == torch.float32


@pytest.mark.parametrize("k", [5, 10])
def test_large_pictures_in_tiles_equal_small_ones(k):
    """Beyond 4 MB the CPU works in tiles of whole pictures, the last one shorter."""
    ab = colors(90).repeat(1, 1, 5, 5)[:, :, :180, :180].repeat(9, 1, 1, 1)[:17]
    indices, weights = soft_encode(ab, k)
    expected = [soft_encode(picture, k) for picture in ab.split(1)]
    assert indices.dtype == torch.int64
    assert torch.equal(indices, torch.cat([one for one, _ in expected]))
    assert torch.equal(weights, torch.cat([one for _, one in expected]))


def test_autocast_changes_nothing():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = soft_encode(colors())
    assert all(torch.equal(one, other) for one, other in zip(inside, soft_encode(colors())))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0}, "k between 1 and the 313 bins of step 10, got 0"),
        ({"k": 314}, "got 314"),
        ({"sigma": 0.0}, "sigma > 0"),
        ({"step": 50}, "integer grid step"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        soft_encode(torch.zeros(1, 2, 2, 2), **settings)


@pytest.mark.parametrize("k", [1, 5, 10, 20])
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 1e30, -1e30])
def test_what_is_no_color_gets_real_bins(k, value):
    """NaN gave an index of nine digits. It is passed on in the weights, to where a loss is looked at."""
    ab = torch.zeros(1, 2, 1, 4)
    ab[0, 0, 0, :2], ab[0, 1, 0, 1:3] = value, value
    indices, weights = soft_encode(ab, k=k)
    assert indices.min() >= 0
    assert indices.max() < 313
    if value != value:
        assert weights[..., :3].isnan().any(1).all()
    assert torch.equal(indices[..., 3:], soft_encode(ab[..., 3:], k=k)[0])


def test_wrong_pictures_are_refused(unchecked):
    with pytest.raises(ValueError, match=r"ab has shape \(1, 3, 2, 2\), wanted \(b, 2, h, w\)"):
        soft_encode(torch.zeros(1, 3, 2, 2))
    with pytest.raises(ValueError, match="differ in shape"):
        densify(torch.zeros(1, 5, 2, 2, dtype=torch.int64), torch.zeros(1, 5, 2, 3))


@pytest.mark.parametrize("step", [10, 5, 20])
@pytest.mark.parametrize("k", [1, 5, 10, 20])
def test_the_search_that_never_waits_for_a_device_finds_the_same(k, step):
    """It finds the bins of every pixel where the values cannot be looked at, as on a GPU."""
    pixels = colors().movedim(1, -1).reshape(-1, 2)
    (indices, squared), (expected, distances) = _search_on_device(pixels.double(), k, step), _search(pixels, k, step)
    torch.testing.assert_close(squared, distances)
    apart = distances.diff(dim=1).gt(1e-9).all(1)  # where no two bins are equally far
    assert torch.equal(indices[apart], expected[apart])


def test_the_device_search_takes_what_is_no_color_for_the_nearest_inside():
    """NaN stays NaN in the distances, where a loss shows it."""
    wild = torch.tensor([[1e9, 3.0], [-torch.inf, 3.0], [torch.nan, 0.0]], dtype=torch.float64)
    indices, squared = _search_on_device(wild, 10, 10)
    assert ((indices >= 0) & (indices < 313)).all()
    assert squared[:2].isfinite().all()
    assert squared[2].isnan().all()
    assert torch.equal(indices[0], _search(torch.tensor([[150.0, 3.0]]), 10, 10)[0][0])
