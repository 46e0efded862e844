"""Our Adam and AdamW are torch's to the bit; the average of weights follows them."""

import copy

import pytest
import torch

from colorbench.cell import Optimizer, Phases
from colorbench.training.optimizer import Average, build_optimizer, rate
from colorbench.training.phases import phase_at, size_at


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam)])
def test_steps_and_states_are_torchs(name, kind):
    torch.manual_seed(0)
    ours = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.Conv2d(3, 2, 3))
    theirs = copy.deepcopy(ours)
    settings = Optimizer(name=name)
    one = build_optimizer(ours.parameters(), settings, torch.device("cpu"))
    decay = {"weight_decay": settings.weight_decay} if name == "adamw" else {}
    two = kind(theirs.parameters(), lr=settings.lr, betas=settings.betas, fused=False, **decay)
    for _ in range(3):
        for network, optimizer in ((ours, one), (theirs, two)):
            network(torch.ones(1, 1, 8, 8)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            assert all(parameter.grad is None for parameter in network.parameters())
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=0, atol=0)
    torch.testing.assert_close(one.state_dict()["state"], two.state_dict()["state"], rtol=0, atol=0)
    one.load_state_dict(two.state_dict())
    assert type(one).__name__ == kind.__name__


def test_the_average_starts_near_the_weights_and_copies_counters():
    network = torch.nn.BatchNorm2d(2)
    average = Average(network, 0.999)
    with torch.no_grad():
        network.weight += 1
        network.num_batches_tracked += 5
    average.update(network)
    torch.testing.assert_close(average.state["weight"], torch.full((2,), 1 + 10 / 11))
    assert average.state["num_batches_tracked"] == 5


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_schedule_follows_the_share(schedule):
    settings = Optimizer(schedule=schedule, warmup_share=0.1)
    values = [rate(settings, share / 100) for share in range(101)]
    assert values[0] == 0
    assert values[10] == 1
    assert values == sorted(values[:10]) + sorted(values[10:], reverse=True)
    assert values[-1] == (1 if schedule == "constant" else pytest.approx(0))


def test_phases():
    plan = Phases(plan="pretrain-then-adversarial", pretrain_share=0.5, critic_share=0.3)
    assert [phase_at(plan, share, True) for share in (0.0, 0.49, 0.5, 0.79, 0.81)] == [
        "generator", "generator", "critic", "critic", "joint"
    ]  # fmt: skip
    assert phase_at(plan, 0.0, False) == "joint"
    sizes = Phases(sizes_px=(16, 32, 64))
    assert [size_at(sizes, share, 64) for share in (0.0, 0.3, 0.34, 0.67, 1.0)] == [16, 16, 32, 64, 64]
