"""Phases: who trains, and at which picture size, as functions of the budget's share that is used."""

from colorbench.cell import Phases


def phase_at(phases: Phases, share: float, has_critics: bool) -> str:
    """`joint`, `generator` or `critic`: who trains at this share of the budget."""
    if phases.plan == "joint" or not has_critics:
        return "joint"
    if share < phases.pretrain_share:
        return "generator"
    return "critic" if share < phases.pretrain_share + phases.critic_share else "joint"


def size_at(phases: Phases, share: float, full_px: int) -> int:
    """The side of training pictures at this share of the budget: equal shares for each of `sizes_px`."""
    if not phases.sizes_px:
        return full_px
    return min(full_px, phases.sizes_px[min(len(phases.sizes_px) - 1, int(share * len(phases.sizes_px)))])
