"""The classification loss beside dense targets: 16 x 313 x 64 x 64 logits, float32, forward + backward; and the import.

How to run and what is noted: conftest.py. `dense eager` makes the `(b, 313, h, w)` targets as every step of a training must;
`dense targets given` and `torch cross_entropy` find them made, and their memory does not count them. The gradient itself
is 82 MB: no loss over these logits takes less than a third of what dense eager takes.
"""

import statistics
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from colorbench.color import densify, soft_encode
from colorbench.losses.bin_cross_entropy import cross_entropy

IMPORT = "import time, torch; start = time.perf_counter(); import colorbench.losses; print(time.perf_counter() - start)"


@pytest.fixture(scope="module")
def example(device):
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(16, 313, 64, 64, generator=draw).to(device).requires_grad_()
    indices, weights = soft_encode(30 * torch.randn(16, 2, 64, 64, generator=draw))
    return logits, indices.to(device), weights.to(device)


def dense(logits, target):
    return -(target * logits.log_softmax(1)).sum(1).mean()


@pytest.mark.parametrize("who", ["colorbench", "dense eager", "dense targets given", "torch cross_entropy"])
def test_classification_forward_and_backward(measure, example, who):
    logits, indices, weights = example
    target = densify(indices, weights) if who in ("dense targets given", "torch cross_entropy") else None
    loss = {
        "colorbench": lambda: cross_entropy(logits, indices, weights).mean(),
        "dense eager": lambda: dense(logits, densify(indices, weights)),
        "dense targets given": lambda: dense(logits, target),
        "torch cross_entropy": lambda: F.cross_entropy(logits, target, reduction="sum") / target[:, 0].numel(),
    }
    ours = torch.autograd.grad(loss["colorbench"](), logits)[0]
    measure("classification forward + backward", who, lambda: torch.autograd.grad(loss[who](), logits), ours)


def test_import(benchmark):
    """Seconds of `import colorbench.losses` in a process that has imported torch."""
    seconds = [float(subprocess.check_output([sys.executable, "-c", IMPORT])) for _ in range(5)]
    benchmark.extra_info |= {"operation": "import colorbench.losses", "who": "colorbench"}
    benchmark.extra_info["over_torch_seconds"] = statistics.median(seconds)
    benchmark.pedantic(lambda: None)
