"""Optimizers, the schedule and the phases over the budget, the average of the weights."""

import pytest
import torch

from colorbench.cell import Optimizer, Phases
from colorbench.training.optimizer import (
    Average,
    build_critic_optimizer,
    build_optimizer,
    load_optimizer,
    phase_at,
    rate,
)


def test_settings_become_torchs_optimizers():
    network = torch.nn.Conv2d(1, 2, 3)
    network.bias.requires_grad_(False)
    adamw = build_optimizer(network.parameters(), Optimizer(lr=0.5, weight_decay=0.25), torch.device("cpu"))
    assert isinstance(adamw, torch.optim.AdamW)
    group = adamw.param_groups[0]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (0.5, (0.9, 0.99), 0.25)
    assert len(group["params"]) == 1
    adam = build_optimizer(network.parameters(), Optimizer(name="adam"), torch.device("cpu"))
    assert type(adam) is torch.optim.Adam
    assert adam.param_groups[0]["weight_decay"] == 0


def test_on_a_cpu_a_step_is_that_of_a_loop_over_the_parameters_bit_for_bit():
    ours, plain = (torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.Conv2d(8, 2, 3)) for _ in range(2))
    plain.load_state_dict(ours.state_dict())
    optimizer = build_optimizer(ours.parameters(), Optimizer(lr=0.003), torch.device("cpu"))
    loop = torch.optim.AdamW(plain.parameters(), lr=0.003, betas=(0.9, 0.99), weight_decay=0.01, foreach=False)
    for _ in range(5):
        for one, other in zip(ours.parameters(), plain.parameters()):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        optimizer.step()
        loop.step()
    assert optimizer.param_groups[0]["foreach"]
    assert all(torch.equal(one, other) for one, other in zip(ours.parameters(), plain.parameters()))


def test_a_loaded_optimizer_stays_as_it_was_built():
    network = torch.nn.Linear(2, 1)
    settings = {"lr": 0.5, "betas": (0.5, 0.999)}
    fused = torch.optim.Adam(network.parameters(), **settings, fused=True)  # as on a GPU; torch fuses on the CPU too
    network(torch.ones(1, 2)).sum().backward()
    fused.step()
    plain = build_critic_optimizer(network.parameters(), settings, torch.device("cpu"))
    load_optimizer(plain, fused.state_dict())
    assert plain.param_groups[0] | {"fused": True, "foreach": None} == fused.param_groups[0]
    assert (plain.param_groups[0]["fused"], plain.param_groups[0]["foreach"]) == (False, True)
    assert plain.state[network.weight]["step"] == 1


def test_the_average_goes_on_in_its_own_tensors():
    network = torch.nn.Linear(2, 1)
    first, second = Average(network, 0.9), Average(network, 0.9)
    with torch.no_grad():
        network.weight += 1
    first.update(network)
    own = second.state["weight"]
    second.load(first.state_dict())
    assert second.state["weight"] is own  # where the network is, wherever the loaded ones are
    assert second.steps == 1
    torch.testing.assert_close(second.state, first.state)


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
