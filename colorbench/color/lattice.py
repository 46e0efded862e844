"""Which points of a square lattice are the k nearest to a position, known before the position is.

A position is its nearest lattice point plus a residual. Mirrored and swapped, the residual lies in the triangle
0 <= v <= u <= 1/2, which few straight lines cut into pieces of constant k-set (two for k = 5, three for k = 10):
some offsets are `always` near, and of the `varying` ones the nearest `open_slots` are.
"""

from functools import cache
from typing import NamedTuple

import torch

SAMPLES = 240  # a side of the triangle; midpoints, so that no sample lies on a line of symmetry
REACH = 4  # offsets up to here are enough for k up to MOST_NEIGHBORS
MOST_NEIGHBORS = 16

Offset = tuple[int, int]


class NearPlan(NamedTuple):
    """Offsets in lattice steps, in the folded triangle."""

    always: tuple[Offset, ...]
    varying: tuple[Offset, ...]
    open_slots: int


@cache
def near_plan(k: int) -> NearPlan:
    """The plan for k neighbors.

    >>> near_plan(5)
    NearPlan(always=((0, 0), (0, -1), (0, 1), (1, 0)), varying=((1, 1), (-1, 0)), open_slots=1)
    """
    line = (torch.arange(SAMPLES, dtype=torch.float64) + 0.5) / (2 * SAMPLES)
    samples = torch.cartesian_prod(line, line - 0.1 / SAMPLES)
    samples = samples[samples[:, 1] < samples[:, 0] - 0.2 / SAMPLES]
    offsets = torch.cartesian_prod(*[torch.arange(-REACH, REACH + 1)] * 2)
    near = torch.cdist(samples, offsets.double()).topk(k, largest=False).indices
    share = torch.zeros(len(samples), len(offsets)).scatter_(1, near, 1.0).mean(0)
    order = share.mul(-1000).add(offsets.square().sum(1)).argsort(stable=True).tolist()
    always = tuple(tuple(offsets[i].tolist()) for i in order if share[i] == 1)
    varying = tuple(tuple(offsets[i].tolist()) for i in order if 0 < share[i] < 1)
    return NearPlan(always, varying, k - len(always))
