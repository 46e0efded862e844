"""The device itself: what a capture counts, and what it refuses, with a step of a small network."""

import json

import pytest

from tests.null_device.harness import Counts, missing, run_on_null_device

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "")

SCRIPT = """
import json, torch
from dataclasses import asdict
from tests.null_device.harness import read_counts

device = torch.device("cuda")
network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.Conv2d(8, 3, 3)).to(device)
rate = torch.tensor(1e-3, device=device)
optimizer = torch.optim.Adam(network.parameters(), lr=rate, fused=True, capturable=True)
photos = torch.rand(2, 3, 16, 16, device=device)

def step():
    loss = torch.nn.functional.dropout(network(photos)).abs().mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.detach()

def counted(call, times=1):
    before = read_counts()
    for _ in range(times):
        call()
    return asdict(read_counts() - before)

def refusal(call):
    try:
        with torch.cuda.graph(torch.cuda.CUDAGraph()):
            call()
    except RuntimeError as error:
        return str(error.__context__ or error).splitlines()[0]

def side_stream(join):
    side, main = torch.cuda.Stream(), torch.cuda.current_stream()
    side.wait_stream(main)
    with torch.cuda.stream(side):
        photos.add_(1)
    if join:
        main.wait_stream(side)

for _ in range(3):
    step()
found = {"eager": counted(step)}
graph = torch.cuda.CUDAGraph()
with torch.cuda.graph(graph):
    loss = step()
found["replay"] = counted(graph.replay, times=5)
loss.item()
outside = torch.cuda.Event()
outside.record()
for name, call in {
    "read": lambda: step().item(),
    "device": torch.cuda.synchronize,
    "stream": lambda: torch.cuda.current_stream().synchronize(),
    "event": outside.query,
    "unjoined": lambda: side_stream(join=False),
    "joined": lambda: side_stream(join=True),
    "step": step,
}.items():
    found[name] = refusal(call)  # after each, the device works on
print(json.dumps(found))
"""


REFUSED = "CUDA error: operation not permitted when stream is capturing"


def test_a_step_becomes_a_graph_and_what_waits_is_refused():
    found = json.loads(run_on_null_device(SCRIPT).stdout)
    eager, replay = Counts(**found.pop("eager")), Counts(**found.pop("replay"))
    assert eager.kernels > 0
    assert eager == Counts(kernels=eager.kernels)  # no wait, no copy, no allocation
    assert (replay.graph_launches, replay.graph_kernels, replay.syncs) == (5, 5 * eager.kernels, 0)
    assert found == {
        **dict.fromkeys(["read", "device", "stream", "event"], REFUSED),
        "unjoined": "CUDA error: capturing stream has unjoined work",
        **dict.fromkeys(["joined", "step"]),
    }


def test_without_a_compiler_it_says_so(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert missing() == "the null device needs gcc"
