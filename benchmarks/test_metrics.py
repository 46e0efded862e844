"""Metrics beside what a user would pick instead, 16 x 3 x 256 x 256 float32, 2 CPU threads. Compare medians.

How to run and what is noted: conftest.py. COLORBENCH_WEIGHTS adds the LPIPS rows and the eight generators.
"""

import warnings

import numpy as np
import pytest
import torch

from benchmarks.conftest import channels_last
from colorbench.color import ab_bins, rgb_to_lab
from colorbench.metrics import (
    METRICS,
    References,
    ab_auc_rebalanced,
    colorfulness,
    delta_e_2000_lab,
    lpips,
    ms_ssim,
    score,
    ssim,
)
from colorbench.metrics.ab_auc import prior_of

GENERATORS = 8
EVERY_KEY = tuple(key for key, row in METRICS.items() if row.per_image and row.default and key != "lpips-vgg")


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def pair(rgb):
    noise = torch.randn(rgb.shape, generator=torch.Generator().manual_seed(1)).to(rgb)
    return (rgb + 0.05 * noise).clamp(0, 1), rgb


@pytest.mark.parametrize("who", ["colorbench", "pytorch-msssim", "torchmetrics", "scikit-image", "piq", "kornia"])
def test_ssim(measure, pair, who):
    pred, target = pair

    def scikit_image():
        from skimage.metrics import structural_similarity

        settings = {"gaussian_weights": True, "use_sample_covariance": False, "data_range": 1, "channel_axis": -1}
        both = zip(channels_last(target), channels_last(pred))
        return [structural_similarity(t, p, **settings) for t, p in both]

    measure(
        "ssim",
        who,
        {"colorbench": lambda: ssim(pred, target), "scikit-image": scikit_image}.get(who)
        or (lambda: _peer_ssim(who)(pred, target)),
        lambda: ssim(pred, target),
        rounds=3 if who == "torchmetrics" else 5,
    )


def _peer_ssim(who):
    if who == "pytorch-msssim":
        from pytorch_msssim import ssim as peer

        return lambda pred, target: peer(pred, target, data_range=1, size_average=False)
    if who == "torchmetrics":
        from torchmetrics.functional.image import structural_similarity_index_measure as peer

        return lambda pred, target: peer(pred, target, data_range=1.0, reduction="none")
    if who == "piq":
        from piq import ssim as peer

        return lambda pred, target: peer(pred, target, data_range=1.0, downsample=False, reduction="none")
    from kornia.metrics import ssim as peer

    return lambda pred, target: peer(pred, target, 11, padding="valid").mean(dim=(1, 2, 3))


@pytest.mark.parametrize("who", ["colorbench", "pytorch-msssim", "torchmetrics", "piq"])
def test_ms_ssim(measure, pair, who):
    pred, target = pair
    if who == "colorbench":
        function = lambda: ms_ssim(pred, target)  # noqa: E731
    elif who == "pytorch-msssim":
        from pytorch_msssim import ms_ssim as peer

        function = lambda: peer(pred, target, data_range=1, size_average=False)  # noqa: E731
    elif who == "torchmetrics":
        from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as peer

        function = lambda: peer(pred, target, data_range=1.0, reduction="none")  # noqa: E731
    else:
        from piq import multi_scale_ssim as peer

        function = lambda: peer(pred, target, data_range=1.0, reduction="none")  # noqa: E731
    measure("ms-ssim", who, function, lambda: ms_ssim(pred, target), rounds=3)


@pytest.mark.parametrize("who", ["colorbench", "scikit-image", "colour-science"])
def test_delta_e_2000_of_lab(measure, pair, who):
    """From Lab pictures, which all have beforehand, in their own layout, to one difference a pixel."""
    lab = [rgb_to_lab(x) for x in pair]
    ours = lambda: delta_e_2000_lab(*lab)  # noqa: E731
    if who == "colorbench":
        measure("delta-e-2000", who, ours, ours)
        return
    if who == "scikit-image":
        from skimage.color import deltaE_ciede2000 as peer
    else:
        from colour.difference import delta_E_CIE2000 as peer
    arrays = [np.ascontiguousarray(channels_last(x)) for x in lab]
    measure("delta-e-2000", who, lambda: peer(*arrays), ours, rounds=5)


@pytest.mark.parametrize("who", ["colorbench", "NumPy sweep, scikit-learn bins"])
def test_ab_auc_rebalanced(measure, pair, who):
    """From RGB, with the prior given. The other: skimage's Lab, nearest bins by a tree, the 151 thresholds one by one."""
    pred, target = pair
    prior = prior_of(rgb_to_lab(target))
    ours = lambda: ab_auc_rebalanced(pred, target, prior)  # noqa: E731
    if who == "colorbench":
        measure("ab-auc-rebalanced", who, ours, ours)
        return

    def sweep():
        lab = [skimage_lab(x) for x in pair]
        return _sweep(_distances(*lab), 1 / prior.numpy().clip(1e-8)[_nearest_bins(lab[1])])

    measure("ab-auc-rebalanced", who, sweep, ours, rounds=1)


def skimage_lab(rgb):
    from skimage.color import rgb2lab

    return rgb2lab(channels_last(rgb))


def _distances(pred_lab, target_lab):
    return np.sqrt(((pred_lab[..., 1:] - target_lab[..., 1:]) ** 2).sum(axis=-1)).reshape(len(pred_lab), -1)


def _nearest_bins(lab):
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=1).fit(ab_bins().numpy())
    return search.kneighbors(lab[..., 1:].reshape(-1, 2), return_distance=False).reshape(len(lab), -1)


def _sweep(distances, weights=None):
    """Zhang 2016's curve, threshold by threshold, and its area."""
    curve = [np.average(distances <= threshold, axis=1, weights=weights) for threshold in range(151)]
    return np.trapezoid(curve, axis=0) / 150


@pytest.mark.parametrize("who", ["colorbench", "NumPy"])
def test_colorfulness(measure, pair, who):
    pred, _ = pair
    levels = 255 * channels_last(pred)

    function = (lambda: _colorfulness(levels)) if who == "NumPy" else lambda: colorfulness(pred)
    measure("colorfulness", who, function, lambda: colorfulness(pred), rounds=20)


def _colorfulness(levels, fold=lambda difference: difference):
    values = []
    for picture in levels:
        r, g, b = np.moveaxis(picture, -1, 0)
        rg, yb = fold(r - g), fold((r + g) / 2 - b)
        spread = np.sqrt(rg.var() + yb.var())
        values.append(spread + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2))
    return np.array(values)


def peer_lpips(net, device):
    """The lpips package on our backbone's weights: it would download its own."""
    import lpips as package

    from colorbench.features import load_features
    from colorbench.metrics.lpips import BACKBONES

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = package.LPIPS(pnet_rand=True, net=net, verbose=False).eval()
    ours = [m for m in load_features(BACKBONES[net]).modules() if isinstance(m, torch.nn.Conv2d)]
    theirs = [m for m in network.net.modules() if isinstance(m, torch.nn.Conv2d)]
    for mine, other in zip(ours, theirs, strict=True):
        other.load_state_dict(mine.state_dict())
    return network.to(device)


@pytest.mark.parametrize("net", ["alex", "squeeze"])
@pytest.mark.parametrize("who", ["colorbench", "lpips"])
def test_lpips(measure, weights, pair, device, net, who):
    pred, target = pair
    if who == "colorbench":
        function = lambda: lpips(pred, target, net=net)  # noqa: E731
    else:
        network = peer_lpips(net, device)
        function = lambda: network(pred, target, normalize=True).flatten()  # noqa: E731
    measure(f"lpips-{net}", who, function, lambda: lpips(pred, target, net=net), rounds=3)


@pytest.mark.parametrize("who", ["colorbench", "torchmetrics and the usual others"])
def test_score_of_eight_generators(measure, weights, pair, device, who):
    """Every per-image metric but lpips-vgg (its network takes ten times as long as all the rest together).

    The others, called for each generator as a script does: torchmetrics' psnr, ssim and ms-ssim; its LPIPS for alex and
    squeeze (the network inside, on our weights: torchmetrics would download its own); skimage's Lab, delta E 76 and 2000;
    NumPy for colorfulness, psnr-ab, lightness, gamut and the 151-threshold curve; scikit-learn for the bins of the
    rebalanced one. Lab and distances are computed once a generator, the prior of the photos once. The difference is that of
    torchmetrics' SSIM, which pads; the others agree to 1e-5.
    """
    pred, target = pair
    generators = [(target + (pred - target) * (0.5 + 0.1 * step)).clamp(0, 1) for step in range(GENERATORS)]

    def ours():
        references = References(target)
        return torch.tensor([score(one, references, EVERY_KEY).mean().tolist() for one in generators])

    if who == "colorbench":
        measure("score of 8 generators", who, ours, rounds=3)
        return
    networks = {net: peer_lpips(net, device) for net in ("alex", "squeeze")}
    expected = ours()

    def theirs():
        weights = 1 / prior_of(rgb_to_lab(target)).cpu().numpy().clip(1e-8)
        scores = [_score_by_others(one, target, networks, weights) for one in generators]
        return torch.tensor([[np.mean(score[key]) for key in EVERY_KEY] for score in scores])

    measure("score of 8 generators", who, theirs, expected, rounds=1)


def _score_by_others(pred, target, networks, bin_weights):
    return _by_torchmetrics(pred, target, networks) | _by_arrays(pred, target, bin_weights)


def _by_torchmetrics(pred, target, networks):
    from torchmetrics.functional import image

    settings = {"data_range": 1.0, "reduction": "none"}
    scores = {
        "psnr": image.peak_signal_noise_ratio(pred, target, dim=(1, 2, 3), **settings),
        "ssim": image.structural_similarity_index_measure(pred, target, **settings),
        "ms-ssim": image.multiscale_structural_similarity_index_measure(pred, target, **settings),
    } | {f"lpips-{net}": network(pred, target, normalize=True) for net, network in networks.items()}
    return {key: value.cpu().numpy() for key, value in scores.items()}


def _by_arrays(pred, target, bin_weights):
    from skimage.color import deltaE_cie76, deltaE_ciede2000

    labs = skimage_lab(pred), skimage_lab(target)
    levels = [255 * channels_last(x) for x in (pred, target)]
    colors = [_colorfulness(one) for one in levels]
    distances, pixels = _distances(*labs), levels[0].reshape(len(pred), -1, 3)
    limits = ((pixels >= 255) | (pixels <= 0)).any(axis=-1) & (np.ptp(pixels, axis=-1) > 0)
    return {
        "psnr-ab": 10 * np.log10(255**2 / (distances**2 / 2).mean(axis=1)),
        "colorfulness": colors[0],
        "colorfulness-abs": _colorfulness(levels[0], np.abs),
        "colorfulness-error": np.abs(colors[0] - colors[1]),
        "colorfulness-bias": colors[0] - colors[1],
        "delta-e-76": deltaE_cie76(*labs),
        "delta-e-2000": deltaE_ciede2000(*labs),
        "ab-auc": _sweep(distances),
        "ab-auc-rebalanced": _sweep(distances, bin_weights[_nearest_bins(labs[1])]),
        "lightness-error": np.abs(labs[0][..., 0] - labs[1][..., 0]),
        "out-of-gamut": limits.mean(axis=1),
    }
