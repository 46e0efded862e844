"""The classification loss beside dense targets: 16 x 313 x 64 x 64 logits, float32, forward + backward. Compare medians.

    COLORBENCH_COMPILE=1 JAXTYPING_DISABLE=1 pytest benchmarks/test_losses.py --benchmark-enable --benchmark-only

`extra_info` as in test_metrics.py. `dense eager` makes the `(b, 313, h, w)` targets as every step of a training must; `dense
targets given` and `torch cross_entropy` find them made, and their memory does not count them.
"""

import os
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from colorbench.color import densify, soft_encode
from colorbench.losses.bin_cross_entropy import cross_entropy


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
def example(device):
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(16, 313, 64, 64, generator=draw).to(device).requires_grad_()
    indices, weights = soft_encode(30 * torch.randn(16, 2, 64, 64, generator=draw))
    return logits, indices.to(device), weights.to(device)


def dense(logits, target):
    return -(target * logits.log_softmax(1)).sum(1).mean()


@pytest.mark.parametrize("who", ["colorbench", "dense eager", "dense targets given", "torch cross_entropy"])
def test_classification_forward_and_backward(benchmark, example, device, who):
    logits, indices, weights = example
    target = densify(indices, weights) if who in ("dense targets given", "torch cross_entropy") else None
    loss = {
        "colorbench": lambda: cross_entropy(logits, indices, weights).mean(),
        "dense eager": lambda: dense(logits, densify(indices, weights)),
        "dense targets given": lambda: dense(logits, target),
        "torch cross_entropy": lambda: F.cross_entropy(logits, target, reduction="sum") / target[:, 0].numel(),
    }[who]

    def step():
        value = loss()
        (gradient,) = torch.autograd.grad(value, logits)
        if device == "cuda":
            torch.cuda.synchronize()
        return value.item(), gradient

    value, gradient = step()
    ours = cross_entropy(logits, indices, weights).mean()
    (expected,) = torch.autograd.grad(ours, logits)
    benchmark.group = "classification forward + backward"
    benchmark.extra_info |= {
        "operation": benchmark.group,
        "who": who,
        "device": device,
        "difference": abs(value - ours.item()),
        "gradient_difference": (gradient - expected).abs().max().item(),
    }
    del gradient, expected, ours
    benchmark.extra_info["peak_megabytes"] = peak_megabytes(step, device)
    benchmark.pedantic(step, rounds=9, warmup_rounds=2)


def peak_megabytes(function, device):
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
