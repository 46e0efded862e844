"""Metrics beside what a user would pick instead, 16 x 3 x 256 x 256 float32, 2 CPU threads. Compare medians.

    COLORBENCH_COMPILE=1 JAXTYPING_DISABLE=1 pytest benchmarks/test_metrics.py --benchmark-enable --benchmark-only

Each test carries in `extra_info` the operation, whose implementation it is, how far its value is from ours, and the peak of
memory above what was in use before (Linux). COLORBENCH_WEIGHTS adds the LPIPS rows and the eight generators.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from colorbench.color import rgb_to_lab
from colorbench.metrics import References, colorfulness, delta_e_2000_lab, lpips, ms_ssim, score, ssim

SHAPE = (16, 3, 256, 256)
GENERATORS = 8
TORCHMETRICS_KEYS = ("psnr", "ssim", "ms-ssim", "lpips-alex")
EVERY_KEY = (
    *("psnr", "psnr-ab", "ssim", "ms-ssim", "lpips-alex", "colorfulness", "colorfulness-abs", "colorfulness-error"),
    *("delta-e-76", "delta-e-2000", "ab-auc", "ab-auc-rebalanced", "lightness-error", "out-of-gamut"),
)


@pytest.fixture(scope="module", autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def device():
    return "cuda" if torch.cuda.is_available() and os.environ.get("COLORBENCH_BENCH_DEVICE") == "cuda" else "cpu"


@pytest.fixture(scope="module")
def pair(device):
    draw = torch.Generator().manual_seed(0)
    target = torch.nn.functional.interpolate(torch.rand(16, 3, 40, 40, generator=draw), SHAPE[2:], mode="bicubic")
    target = target.clamp(0, 1)
    pred = (target + 0.05 * torch.randn(SHAPE, generator=draw)).clamp(0, 1)
    return pred.to(device), target.to(device)


@pytest.fixture
def measure(benchmark, device):
    """Run one implementation, and note who it is, how far from ours, and how much memory it took."""

    def run(operation, who, function, ours=None, rounds=5):
        def timed():
            with torch.no_grad():
                value = function()
            if device == "cuda":
                torch.cuda.synchronize()
            return value

        benchmark.group = operation
        value = np.asarray(torch.as_tensor(timed()).cpu(), dtype=float)
        benchmark.extra_info |= {"operation": operation, "who": who, "device": device}
        benchmark.extra_info["peak_megabytes"] = _peak_megabytes(timed, device)
        if ours is not None:
            expected = np.asarray(torch.as_tensor(ours).cpu(), dtype=float)
            benchmark.extra_info["difference"] = float(np.abs(value.mean() - expected.mean()))
        benchmark.pedantic(timed, rounds=rounds)  # warm: it ran twice above

    return run


def _peak_megabytes(function, device):
    """Peak of memory above what was in use; None where the system does not tell."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        function()
        return round((torch.cuda.max_memory_allocated() - before) / 1e6, 1)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    before = _status_kilobytes("VmRSS")
    function()
    return round((_status_kilobytes("VmHWM") - before) / 1e3, 1)


def _status_kilobytes(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def channels_last(pictures):
    return pictures.movedim(1, -1).cpu().numpy()


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
        ssim(pred, target),
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
    measure("ms-ssim", who, function, ms_ssim(pred, target), rounds=3)


@pytest.mark.parametrize("who", ["colorbench", "scikit-image", "colour-science"])
def test_delta_e_2000_of_lab(measure, pair, who):
    pred, target = (rgb_to_lab(x) for x in pair)
    ours = delta_e_2000_lab(pred, target)
    if who == "colorbench":
        function = lambda: delta_e_2000_lab(pred, target)  # noqa: E731
    else:
        arrays = channels_last(pred), channels_last(target)
        if who == "scikit-image":
            from skimage.color import deltaE_ciede2000 as peer
        else:
            from colour.difference import delta_E_CIE2000 as peer
        function = lambda: peer(*arrays)  # noqa: E731
    measure("delta-e-2000", who, function, ours, rounds=5)


@pytest.mark.parametrize("who", ["colorbench", "NumPy"])
def test_colorfulness(measure, pair, who):
    pred, _ = pair
    levels = 255 * channels_last(pred)

    def numpy():
        values = []
        for picture in levels:
            r, g, b = np.moveaxis(picture, -1, 0)
            rg, yb = r - g, (r + g) / 2 - b
            spread = np.sqrt(rg.var() + yb.var())
            values.append(spread + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2))
        return values

    function = numpy if who == "NumPy" else lambda: colorfulness(pred)
    measure("colorfulness", who, function, colorfulness(pred), rounds=20)


@pytest.fixture
def weights():
    folder = os.environ.get("COLORBENCH_WEIGHTS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("set COLORBENCH_WEIGHTS for the networks' rows")


def peer_lpips(net, device):
    """The lpips package on our backbone's weights: it would download its own."""
    import warnings

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
    measure(f"lpips-{net}", who, function, lpips(pred, target, net=net), rounds=3)


@pytest.fixture(scope="module")
def generators(pair):
    """What eight generators made of the same photos."""
    pred, target = pair
    return [target + (pred - target) * (0.5 + 0.1 * step) for step in range(GENERATORS)]


def means(frame, key="psnr"):
    return frame[key].mean()


@pytest.mark.parametrize("who", ["colorbench", "colorbench, all 14 metrics", "torchmetrics"])
def test_score_of_eight_generators(measure, weights, pair, generators, device, who):
    """psnr, ssim, ms-ssim and lpips-alex, which both have; and ours with all per-image metrics."""
    target = pair[1]
    generators = [x.clamp(0, 1) for x in generators]

    def ours(keys=TORCHMETRICS_KEYS):
        references = References(target)
        return [means(score(pred, references, keys)) for pred in generators]

    def torchmetrics():
        from torchmetrics.functional import image

        values = []
        for pred in generators:
            values.append(image.peak_signal_noise_ratio(pred, target, data_range=1.0, reduction="none", dim=(1, 2, 3)))
            image.structural_similarity_index_measure(pred, target, data_range=1.0, reduction="none")
            image.multiscale_structural_similarity_index_measure(pred, target, data_range=1.0, reduction="none")
            network(pred, target, normalize=True)
        return [value.mean().item() for value in values]

    if who == "torchmetrics":
        network = peer_lpips("alex", device)  # the network inside torchmetrics' LPIPS, without its download
    function = {"colorbench": ours, "torchmetrics": torchmetrics}.get(who, lambda: ours(EVERY_KEY))
    measure("score of 8 generators", who, function, ours(), rounds=1 if who == "torchmetrics" else 3)
