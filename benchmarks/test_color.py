"""Color, bins and decoding beside what a user would pick instead, 16 x 3 x 256 x 256 float32.

How to run and what is noted: conftest.py. On a GPU the conversions also note their share of the bandwidth of a copy.
"""

import time

import numpy as np
import pytest
import torch

from benchmarks.conftest import channels_last
from colorbench.color import ab_bins, annealed_mean, lab_to_rgb, rgb_to_lab, soft_encode
from colorbench.color.lab import _lab_to_rgb, _rgb_to_lab


@pytest.fixture(scope="module")
def lab(rgb) -> torch.Tensor:
    return rgb_to_lab(rgb)


@pytest.fixture(scope="module")
def logits(device) -> torch.Tensor:
    return (3 * torch.randn(16, 313, 64, 64, generator=torch.Generator().manual_seed(0))).to(device)


def channels_first(pictures) -> torch.Tensor:
    return torch.from_numpy(pictures).movedim(-1, 1)


def converter(who: str, direction: str):
    """The conversion of one implementation, from tensor to tensor (arrays where it works on arrays)."""
    if who == "kornia":
        from kornia import color

        return color.rgb_to_lab if direction == "there" else color.lab_to_rgb
    if who == "kornia, compiled":
        return torch.compile(converter("kornia", direction))
    if who == "scikit-image":
        from skimage import color

        function = color.rgb2lab if direction == "there" else color.lab2rgb
        return lambda pictures: channels_first(function(channels_last(pictures)))
    if who == "colour-science":
        return lambda pictures: channels_first(_colour_science(channels_last(pictures), direction))
    if who == "torch eager":
        return _rgb_to_lab.__wrapped__ if direction == "there" else lambda lab: _lab_to_rgb.__wrapped__(lab, True)
    return rgb_to_lab if direction == "there" else lab_to_rgb


def _colour_science(pictures, direction):
    import colour

    if direction == "there":
        return colour.XYZ_to_Lab(colour.sRGB_to_XYZ(pictures))
    return colour.XYZ_to_sRGB(colour.Lab_to_XYZ(pictures)).clip(0, 1)


PEERS = ("colorbench", "kornia", "kornia, compiled", "scikit-image", "colour-science", "torch eager")


@pytest.mark.parametrize("who", PEERS)
def test_rgb_to_lab(measure, benchmark, device, rgb, who):
    note_bandwidth(benchmark, device, rgb, lambda: rgb_to_lab(rgb), who)
    function = converter(who, "there")
    measure("rgb -> lab", who, lambda: function(rgb), lambda: rgb_to_lab(rgb))


@pytest.mark.parametrize("who", PEERS)
def test_lab_to_rgb(measure, benchmark, device, rgb, lab, who):
    note_bandwidth(benchmark, device, rgb, lambda: lab_to_rgb(lab), who)
    function = converter(who, "back")
    measure("lab -> rgb", who, lambda: function(lab), rgb)


@pytest.mark.parametrize("who", ["colorbench", "colorbench soft clip", "kornia", "kornia, compiled", "torch eager"])
def test_lab_to_rgb_forward_and_backward(measure, lab, who):
    leaf = lab.clone().requires_grad_()
    soft = who == "colorbench soft clip"
    function = (lambda lab: lab_to_rgb(lab, clip="soft")) if soft else converter(who, "back")

    def step():
        converted = function(leaf)
        return torch.autograd.grad(converted, leaf, torch.ones_like(converted))[0]

    measure("lab -> rgb, forward + backward", who, step)


@pytest.mark.parametrize("who", ["colorbench", "scikit-learn tree", "cdist + topk"])
@pytest.mark.parametrize("k", [5, 10])
def test_soft_encoding(measure, lab, who, k):
    """From ab in its layout to bins and weights. The tree is the lines of Zhang's NNEncode without its dense matrix (fit,
    k nearest, Gaussian, normalized; float64), with scikit-learn's own choice of tree: faster than the ball tree there."""
    ab = lab[:, 1:].contiguous()
    bins = ab_bins().to(ab.device)

    def tree():
        from sklearn.neighbors import NearestNeighbors

        search = NearestNeighbors(n_neighbors=k).fit(bins.cpu().numpy())
        distances, indices = search.kneighbors(ab.movedim(1, -1).reshape(-1, 2).double().cpu().numpy())
        weights = np.exp(-(distances**2) / (2 * 5.0**2))
        return weights / weights.sum(axis=1)[:, None], indices

    def dense():
        nearest = torch.cdist(ab.movedim(1, -1).reshape(-1, 2), bins).topk(k, largest=False)
        return torch.softmax(nearest.values.square() / -50, 1), nearest.indices

    functions = {"colorbench": lambda: soft_encode(ab, k)[::-1], "scikit-learn tree": tree, "cdist + topk": dense}
    ours = None if who == "colorbench" else sorted_weights(soft_encode(ab, k)[1])
    measure(f"soft encoding, k = {k}", who, functions[who], ours, rounds=9 if who == "colorbench" else 3)


def sorted_weights(weights: torch.Tensor) -> torch.Tensor:
    return weights.movedim(1, -1).flatten(0, 2).sort(1, descending=True).values


@pytest.mark.parametrize("who", ["colorbench", "softmax + matmul"])
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
def test_annealed_mean(measure, logits, who, backward):
    bins = ab_bins().to(logits)
    leaf = logits.clone().requires_grad_(backward)

    def eager(logits):
        return torch.einsum("bnhw,nc->bchw", torch.softmax(logits / 0.38, 1), bins)

    function = annealed_mean if who == "colorbench" else eager

    def step():
        ab = function(leaf)
        return torch.autograd.grad(ab.sum(), leaf)[0] if backward else ab

    operation = "annealed mean 64 x 64" + (", forward + backward" if backward else "")
    measure(operation, who, step, None if backward else lambda: annealed_mean(logits))


def note_bandwidth(benchmark, device, pictures, convert, who) -> None:
    """How near to a plain copy, which moves as many bytes, the conversion runs."""
    if device == "cuda" and who == "colorbench":
        benchmark.extra_info["share_of_copy"] = round(_seconds(pictures.clone) / _seconds(convert), 3)


def _seconds(function, repeats: int = 50) -> float:
    for _ in range(5):
        function()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / repeats
