"""On the null device: what a small network's step asks of it, eager and as a graph, and what a capture refuses."""

from dataclasses import asdict

import torch

from tests.null_device.harness import read_counts


def counted(call, times: int = 1) -> dict:
    before = read_counts()
    for _ in range(times):
        call()
    return asdict(read_counts() - before)


def refusal(call) -> str | None:
    try:
        with torch.cuda.graph(torch.cuda.CUDAGraph()):
            call()
    except RuntimeError as error:
        return str(error.__context__ or error).splitlines()[0]
    return None


def found() -> dict:
    device = torch.device("cuda")
    layers = torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.Conv2d(8, 3, 3)
    network = torch.nn.Sequential(*layers).to(device)
    rate = torch.tensor(1e-3, device=device)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate, fused=True, capturable=True)
    photos = torch.rand(2, 3, 16, 16, device=device)

    def step():
        loss = torch.nn.functional.dropout(network(photos)).abs().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def side_stream(join):
        side, main = torch.cuda.Stream(), torch.cuda.current_stream()
        side.wait_stream(main)
        with torch.cuda.stream(side):
            photos.add_(1)
        if join:
            main.wait_stream(side)

    for _ in range(3):
        step()
    facts = {"eager": counted(step)}
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()
    facts["replay"] = counted(graph.replay, times=5)
    loss.item()
    outside = torch.cuda.Event()
    outside.record()
    calls = {
        "read": lambda: step().item(),
        "device": torch.cuda.synchronize,
        "stream": lambda: torch.cuda.current_stream().synchronize(),
        "event": outside.query,
        "unjoined": lambda: side_stream(join=False),
        "joined": lambda: side_stream(join=True),
        "step": step,
    }
    return facts | {"refused": {name: refusal(call) for name, call in calls.items()}}  # after each, the device works on
