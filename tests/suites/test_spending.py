"""Budgets in every currency, and the schedule over them."""

import pytest

from colorbench.cell import Budget, Optimizer, Phases
from colorbench.suites.spending import Spending
from colorbench.training.optimizer import rate
from colorbench.training.phases import phase_at, size_at


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        (Budget(kind="steps", amount=10), 10),
        (Budget(kind="samples", amount=100), 25),
        (Budget(kind="flops", amount=1e6), 100),
        (Budget(kind="reference-seconds", amount=8), 70),
    ],
)
def test_counted_budgets_become_steps(budget, steps):
    spending = Spending(budget, batch=4, flops_per_step=1e4, table_steps=70)
    assert spending.planned_steps == steps
    assert spending.share(steps - 1, seconds=1e9) < 1
    assert spending.share(steps, seconds=0.0) == 1


def test_seconds_end_by_the_clock():
    spending = Spending(Budget(kind="seconds", amount=60), batch=4)
    assert spending.needs_clock
    assert spending.share(10**9, seconds=30.0) == 0.5
    assert spending.share(0, seconds=61.0) == 1


def test_what_a_budget_needs_is_asked_for():
    with pytest.raises(ValueError, match="colorbench calibrate"):
        Spending(Budget(kind="reference-seconds", amount=8), batch=4)
    with pytest.raises(ValueError, match="FLOPs"):
        Spending(Budget(kind="flops", amount=8), batch=4)


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
