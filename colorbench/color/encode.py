"""Soft encoding of ab over the bins, sparse and exact.

Source: Zhang, Isola, Efros 2016, section 2.2: the k nearest bins, weighted by a Gaussian of their distance,
w = exp(-d^2 / (2 sigma^2)) normalized to sum 1. The paper says k = 5; its author calls that a typo, the code
used 10. (A common copy divides by 2 sigma instead: targets off by .77 of 2 in mean L1.)

The bins are points of a lattice, so where none of the k neighbors is missing (nearly everywhere in photos) they
follow from the residual to the nearest point: `near_plan`. The other pixels are searched among the few bins that
can be near their lattice cell. On a GPU every pixel is searched: counting the others would wait for the device, and a sort of
22 candidates is a handful of kernels, where the plan is hundreds.
"""

from collections.abc import Sequence
from functools import cache, lru_cache, reduce
from operator import add

import torch
from jaxtyping import Int64
from torch import Tensor

from colorbench.color.bins import START, ab_bins
from colorbench.color.fused import fused
from colorbench.color.lattice import MOST_NEIGHBORS, NearPlan, near_plan
from colorbench.color.srgb import precise
from colorbench.tensors import Ab, BinIndices, BinWeights, checked_floats

MARGIN = 4  # lattice points around the grid that the table of bins covers
CELLS_PER_STEP = 2  # of the table of candidates
CHUNK = 1 << 14
DEVICE_CHUNK = 1 << 18  # pixels searched at a time on a GPU: 46 MB for each float64 of every candidate
TILE_PIXELS = 1 << 16  # encoded at a time on a CPU


def soft_encode(ab: Ab, k: int = 10, sigma: float = 5.0, step: int = 10) -> tuple[BinIndices, BinWeights]:
    """The k nearest bins of every pixel `(b, k, h, w)` and their weights, which sum to 1 over k.

    A target: it carries no gradient. The nearest bin comes first, the others in no order. NaN has weights of NaN.

    Args:
        ab: `(b, 2, h, w)` in Lab units. On a GPU values beyond the grid by more than 4 steps (150) count as there.
        k: neighbors; 10 as the authors' code, 5 as the paper.
        sigma: of the Gaussian, in Lab units.
        step: of the grid; 10 gives the 313 bins.

    >>> indices, weights = soft_encode(torch.zeros(1, 2, 1, 1), k=5)
    >>> ab_bins()[indices[0, 0, 0, 0]], round(weights[0, 0, 0, 0].item(), 4)
    (tensor([0., 0.]), 0.6488)
    """
    ab = checked_floats(ab, "ab", 2)
    bins = ab_bins(step)
    if not sigma > 0:
        raise ValueError(f"expected sigma > 0 Lab units, got {sigma}")
    if not 1 <= k <= len(bins):
        raise ValueError(f"expected k between 1 and the {len(bins)} bins of step {step}, got {k}")
    with torch.no_grad():
        if k > MOST_NEIGHBORS or ab.device.type != "cpu":
            return _search_picture(ab, k, float(sigma), step)
        settings = _point_table(step), near_plan(k), float(sigma), int(step)
        whole = torch.compiler.is_compiling()
        tiles = (ab,) if whole else ab.split(max(1, TILE_PIXELS // max(1, ab.shape[2] * ab.shape[3])))
        indices, weights, missing = _encode_tiles(tiles, k, settings) if len(tiles) > 1 else _encode(ab, *settings)
        return _mend(ab, indices.long(), weights, missing, float(sigma), step)


def nearest_bin(ab: Ab, step: int = 10) -> Int64[Tensor, "b h w"]:
    """The index of the nearest bin of every pixel."""
    return soft_encode(ab, k=1, step=step)[0][:, 0]


def densify(indices: BinIndices, weights: BinWeights, bins: int = 313) -> Tensor:
    """The sparse encoding as a distribution over all bins `(b, bins, h, w)`: 1.3 GB at 16 x 256 x 256."""
    if not isinstance(indices, Tensor) or indices.dtype != torch.int64:
        raise ValueError("indices are those of soft_encode: a tensor of int64")
    weights = checked_floats(weights, "weights")
    if indices.shape != weights.shape:
        raise ValueError(f"indices {tuple(indices.shape)} and weights {tuple(weights.shape)} differ in shape")
    if indices.device.type == "cpu" and not torch.compiler.is_compiling() and indices.numel():
        low, high = (int(end) for end in indices.aminmax())
        if low < 0 or high >= bins:
            raise ValueError(
                f"indices are {low} .. {high}, wanted 0 .. {bins - 1}: give the number of bins of their grid"
            )
    b, _, h, w = indices.shape
    return weights.new_zeros(b, bins, h, w).scatter_add(1, indices, weights)


def _encode_tiles(tiles: Sequence[Tensor], k: int, settings: tuple) -> list[Tensor]:
    """`_encode` tile by tile, so that only the results are large."""
    b, (_, _, h, w), wide = sum(map(len, tiles)), tiles[0].shape, torch.promote_types(tiles[0].dtype, torch.float32)
    shapes = ((b, k, h, w), torch.int64), ((b, k, h, w), wide), ((b, h, w), torch.bool)
    results = [torch.empty(shape, dtype=dtype) for shape, dtype in shapes]
    first = 0
    for tile in tiles:
        for whole, part in zip(results, _encode(tile, *settings)):
            whole[first : first + len(tile)] = part
        first += len(tile)
    return results


@fused
def _encode(ab: Tensor, table: Tensor, plan: NearPlan, sigma: float, step: int) -> tuple[Tensor, Tensor, Tensor]:
    """Indices and weights as if no neighbor were missing, and where one is."""
    (row, x), (column, y) = (_residual(channel, step, len(table)) for channel in ab.unbind(1))
    swap = y.abs() > x.abs()
    u, v = torch.where(swap, y, x).abs(), torch.where(swap, x, y).abs()
    # places in the flat table, in int32: int64 halves a CPU's lanes
    up, right = (1 - 2 * (x < 0).int()) * len(table), 1 - 2 * (y < 0).int()
    place, u_stride, v_stride = row * len(table) + column, torch.where(swap, right, up), torch.where(swap, up, right)
    varying = _nearest_varying(u, v, plan, step)
    # a Gaussian is a product over the axes, so the fixed offsets share the few exponentials of their coordinates
    p_factors, q_factors = (
        {p: torch.exp(_farther(p, part, step) / (-2 * sigma**2)) if p else torch.ones_like(part) for p in coordinates}
        for part, coordinates in zip((u, v), (sorted(set(axis)) for axis in zip(*plan.always)))
    )
    weights = [p_factors[p] * q_factors[q] for p, q in plan.always]
    weights += [torch.exp((_farther(p, u, step) + _farther(q, v, step)) / (-2 * sigma**2)) for p, q in varying]
    indices = [table.flatten()[place + p * u_stride + q * v_stride] for p, q in (*plan.always, *varying)]
    share = 1 / reduce(add, weights)
    missing = indices[0] < 0
    for index in indices[1:]:
        missing = missing | (index < 0)
    return torch.stack(indices, 1), torch.stack([w * share for w in weights], 1), missing


def _farther(offset: int | Tensor, residual: Tensor, step: int) -> Tensor:
    """Along one axis: squared distance of the point at this offset less that of the nearest point."""
    return offset * step * (offset * step - 2 * residual)


def _residual(channel: Tensor, step: int, size: int) -> tuple[Tensor, Tensor]:
    """The nearest lattice point (a row or column of the table) and the signed distance from it."""
    point = torch.round((channel - START) * (1 / step))
    lowest, highest = 2 - MARGIN, size - MARGIN - 3
    inside = point.clamp(lowest, highest).to(torch.int32).clamp(lowest, highest)  # NaN becomes any integer
    # START + point * step is whole, so the difference is exact
    return inside + MARGIN, channel - (START + point * step)


def _nearest_varying(u: Tensor, v: Tensor, plan: NearPlan, step: int) -> list[tuple[Tensor, Tensor]]:
    """The offsets of the `open_slots` nearest of the varying points, pixel by pixel."""
    squared = [_farther(p, u, step) + _farther(q, v, step) for p, q in plan.varying]
    ranks = [
        reduce(add, ((other <= own if j < i else other < own).int() for j, other in enumerate(squared) if j != i))
        for i, own in enumerate(squared)
    ]
    slots = []
    for slot in range(plan.open_slots):
        p, q = (torch.full_like(row, offset) for row, offset in ((ranks[-1], o) for o in plan.varying[-1]))
        for rank, (candidate_p, candidate_q) in zip(ranks[:-1], plan.varying[:-1]):
            p, q = torch.where(rank == slot, candidate_p, p), torch.where(rank == slot, candidate_q, q)
        slots.append((p, q))
    return slots


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _point_table(step: int) -> Tensor:
    """Index of the bin at each lattice point, -1 where there is none; a margin all around."""
    bins = ab_bins(step)
    size = round((-2 * START + step) / step) + 2 * MARGIN
    table = torch.full((size, size), -1, dtype=torch.int32)
    points = ((bins - START) / step).round().long() + MARGIN
    table[points[:, 0], points[:, 1]] = torch.arange(len(bins), dtype=torch.int32)
    return table


def _mend(
    ab: Tensor, indices: Tensor, weights: Tensor, missing: Tensor, sigma: float, step: int
) -> tuple[Tensor, Tensor]:
    """Replace what was found at pixels with a missing neighbor."""
    picture, row, column = missing.nonzero(as_tuple=True)
    if len(picture):
        found, squared = _search(ab[picture, :, row, column], indices.shape[1], step)
        indices[picture, :, row, column] = found
        weights[picture, :, row, column] = torch.softmax(squared / (-2 * sigma**2), 1).to(weights.dtype)
    return indices, weights


def _search_picture(ab: Tensor, k: int, sigma: float, step: int) -> tuple[Tensor, Tensor]:
    b, _, h, w = ab.shape
    indices, squared = _search(ab.movedim(1, -1).reshape(-1, 2), k, step)
    weights = torch.softmax(squared / (-2 * sigma**2), 1).to(torch.promote_types(ab.dtype, torch.float32))
    indices, weights = (part.reshape(b, h, w, k).movedim(-1, 1).contiguous() for part in (indices, weights))
    return indices, weights


def _search(pixels: Tensor, k: int, step: int) -> tuple[Tensor, Tensor]:
    """Indices and squared distances `(n, k)` of the k nearest bins of pixels `(n, 2)`, nearest first. In float64: far
    outside the gamut the distances are large and their differences, which make the weights, small."""
    pixels = precise(pixels)
    if pixels.device.type != "cpu":
        return _search_on_device(pixels, k, step)
    candidates, places = _cell_candidates(k, step)
    side = round(len(candidates) ** 0.5)
    cells = torch.round((pixels - START) * (CELLS_PER_STEP / step)) + MARGIN * CELLS_PER_STEP
    near = ((cells >= 0) & (cells < side)).all(1)
    rows = (cells[:, 0] * side + cells[:, 1]).where(near, 0).long()
    found = [
        _nearest_of(points, candidates[some], places[some].to(pixels.dtype), k)
        for points, some in zip(pixels.split(CHUNK), rows.split(CHUNK))
    ]
    indices, squared = (torch.cat(parts) for parts in zip(*found))
    if not near.all():
        bins = ab_bins(step).to(pixels)
        everything = torch.arange(len(bins), device=pixels.device).expand((~near).sum(), -1)
        indices[~near], squared[~near] = _nearest_of(pixels[~near], everything, bins.T[None], k)
    return indices, squared


def _search_on_device(pixels: Tensor, k: int, step: int) -> tuple[Tensor, Tensor]:
    """`_search` that never waits for the device: positions outside the table count as the nearest ones inside."""
    candidates, places = _cell_candidates_on(k, step, pixels.device)
    side = round(len(candidates) ** 0.5)
    lowest = START - MARGIN * step
    pixels = pixels.clamp(lowest, lowest + (side - 1) * step / CELLS_PER_STEP)
    cells = ((pixels - lowest) * (CELLS_PER_STEP / step)).round().nan_to_num(0).long()
    rows = cells[:, 0] * side + cells[:, 1]
    found = []
    for points, some in zip(pixels.split(DEVICE_CHUNK), rows.split(DEVICE_CHUNK)):
        # a sort of 32 or fewer is one warp's work, `topk` a block's
        squared, order = (places[some] - points[:, :, None]).square_().sum(1).sort(dim=1)
        at = some[:, None] * candidates.shape[1] + order[:, :k]
        found.append((candidates.take(at), squared[:, :k]))
    indices, squared = (torch.cat(parts) for parts in zip(*found))
    return indices, squared


@cache
@torch.inference_mode(False)
def _cell_candidates_on(k: int, step: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Copied to a device once, since a copy from the host waits for it, and never dropped, since a captured step reads them.

    The places are whole numbers, so float32 has them."""
    candidates, places = _cell_candidates(k, step)
    return candidates.to(device), places.float().to(device)


def _nearest_of(pixels: Tensor, candidates: Tensor, places: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest of the candidates `(n, m)` at places `(n, 2, m)` of each pixel."""
    squared = (places[:, 0] - pixels[:, :1]).square_() + (places[:, 1] - pixels[:, 1:]).square_()
    nearest = squared.topk(k, largest=False)
    return candidates.gather(1, nearest.indices), nearest.values


@lru_cache(maxsize=32)
def _cell_candidates(k: int, step: int) -> tuple[Tensor, Tensor]:
    """For every cell of half a lattice step: the bins that can be among the k nearest of a position in it, `(cells, m)`,
    and where they are, `(cells, 2, m)`; places at infinity fill up.

    A position is at most r from the middle of its cell, so its k-th neighbor is at most d_k + r away, and a bin that
    is more than d_k + 2 r from the middle is farther than that.
    """
    bins = ab_bins(step).double()
    count = (len(_point_table(step)) - 1) * CELLS_PER_STEP + 1
    line = START + (torch.arange(count, dtype=torch.float64) / CELLS_PER_STEP - MARGIN) * step
    distances = torch.cdist(torch.cartesian_prod(line, line), bins)
    reach = distances.topk(k, largest=False).values[:, -1:] + 2 * (step / CELLS_PER_STEP) * 0.5**0.5 + 1e-9
    nearest = distances.topk((distances <= reach).sum(1).amax(), largest=False)
    places = bins[nearest.indices].where((nearest.values <= reach)[..., None], torch.inf)
    return nearest.indices, places.movedim(-1, 1).contiguous()
