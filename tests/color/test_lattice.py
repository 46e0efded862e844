import pytest
import torch

from colorbench.color.lattice import MOST_NEIGHBORS, near_plan


@pytest.mark.parametrize("k", range(1, MOST_NEIGHBORS + 1))
def test_the_plan_names_enough_points(k):
    plan = near_plan(k)
    assert len(plan.always) + plan.open_slots == k
    assert len(plan.varying) >= plan.open_slots
    assert plan.always[0] == (0, 0)
    assert max(abs(c) for offset in plan.always + plan.varying for c in offset) <= 2


@pytest.mark.parametrize("k", [5, 10])
def test_the_plan_covers_every_position(k):
    plan = near_plan(k)
    u = torch.rand(3000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 2
    u = u.sort(1, descending=True).values
    offsets = torch.cartesian_prod(*[torch.arange(-4, 5)] * 2)
    near = offsets[torch.cdist(u, offsets.double()).topk(k, largest=False).indices]
    for position in near.tolist():
        found = {tuple(offset) for offset in position}
        assert set(plan.always) <= found <= set(plan.always) | set(plan.varying)
