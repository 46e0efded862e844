"""One training step per generator. CPU: small versions at 64 px, beside the same step of a peer's U-Net. CUDA, where there is
one: default options at 256 px, bf16, channels_last, eager and compiled, with images/s in the benchmark's extra information.
"""

import pytest
import torch
from torch import nn

from colorbench.generators import GENERATORS, build_generator
from colorbench.generators.check import outputs_of

CUDA_BATCH, CUDA_PX = 16, 256
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def step(network: nn.Module, gray: torch.Tensor, optimizer: torch.optim.Optimizer, bf16: bool = False) -> None:
    optimizer.zero_grad()
    with torch.autocast(gray.device.type, torch.bfloat16, enabled=bf16):
        outputs = outputs_of(network(gray))
    sum(output.float().abs().mean() for output in outputs).backward()
    optimizer.step()


@pytest.mark.parametrize("key", GENERATORS)
def test_small_step_on_the_cpu(benchmark, key):
    torch.manual_seed(0)
    network, gray = build_generator(key, **GENERATORS[key].small).train(), torch.rand(4, 1, 64, 64)
    optimizer = torch.optim.AdamW(network.parameters())
    benchmark(step, network, gray, optimizer)


@pytest.mark.parametrize("whose", ["colorbench", "segmentation_models_pytorch"])
def test_unet_resnet18_forward(benchmark, whose):
    """What our padding and cropping add to the peer's network: it should be nothing that one can see."""
    import segmentation_models_pytorch as smp

    ours = whose == "colorbench"
    network = (
        build_generator("unet-resnet18")
        if ours
        else smp.Unet("resnet18", encoder_weights=None, in_channels=1, classes=2)
    )
    gray = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        benchmark(network.eval(), gray)


@needs_cuda
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("key", GENERATORS)
def test_default_step_on_cuda(benchmark, key, compiled):
    torch.manual_seed(0)
    network = build_generator(key, GENERATORS[key].out_channels).train().cuda().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    gray = torch.rand(CUDA_BATCH, 1, CUDA_PX, CUDA_PX, device="cuda").to(memory_format=torch.channels_last)
    run = torch.compile(network) if compiled else network

    def synchronized() -> None:
        step(run, gray, optimizer, bf16=True)
        torch.cuda.synchronize()

    for _ in range(5):
        synchronized()
    benchmark.pedantic(synchronized, rounds=20)
    if benchmark.stats:  # absent when benchmarks are skipped or disabled
        benchmark.extra_info["images_per_s"] = CUDA_BATCH / benchmark.stats.stats.median
