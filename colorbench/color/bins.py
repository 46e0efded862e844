"""The color bins: the points of a regular ab grid that sRGB can reach.

Source: Zhang, Isola, Efros 2016 (Colorful Image Colorization), computed instead of read from their file: keep
the point p of the grid when the open square of half-width `step` around it meets the convex hull of the sRGB
cube's projection on ab (D65). Step 10 gives their 313 bins in their order (a, then b, ascending); step 5
gives 1083, step 20 gives 100.
"""

from functools import lru_cache

import torch
from torch import Tensor

from colorbench.color.lab import rgb_to_lab

FACE_SAMPLES = 21  # along each edge; 10 miss bins of step 5
START = -110  # the corner of the authors' grid; the gamut ends at a = 98, b = -108


@lru_cache(maxsize=16)
def _bins(step: int) -> Tensor:
    lines = torch.arange(START, -START + step, step, dtype=torch.float64)
    grid = torch.cartesian_prod(lines, lines)
    return grid[_meets_hull(grid, _gamut_faces(), step)].float()


def ab_bins(step: int = 10) -> Tensor:
    """The bins `(n, 2)` float32 in Lab units, a then b ascending: 313 for step 10. A fresh copy each call.

    >>> ab_bins().shape, ab_bins(5).shape, ab_bins(20).shape
    (torch.Size([313, 2]), torch.Size([1083, 2]), torch.Size([100, 2]))
    """
    if int(step) != step or not 2 <= step <= 40:
        raise ValueError(f"expected an integer grid step from 2 to 40 Lab units, got {step}")
    return _bins(int(step)).clone()


def _gamut_faces() -> Tensor:
    """ab of the six faces of the sRGB cube, `(n, 2)` float64."""
    line = torch.linspace(0, 1, FACE_SAMPLES, dtype=torch.float64)
    cube = torch.cartesian_prod(line, line, line)
    surface = cube[((cube == 0) | (cube == 1)).any(1)]
    return rgb_to_lab(surface.T.reshape(1, 3, 1, -1))[0, 1:, 0].T


def _meets_hull(centers: Tensor, points: Tensor, half_width: int | float) -> Tensor:
    """Whether the open square around each center meets the convex hull of the points.

    Two convex shapes are apart when one line separates them; for a square and a polygon it is enough to try
    the normals of the square's sides and of the polygon's edges.
    """
    normals = torch.cat([_edge_normals(points), torch.eye(2, dtype=torch.float64)])
    shadow = points @ normals.T
    middle = centers @ normals.T
    reach = half_width * normals.abs().sum(1)
    apart = (middle - reach >= shadow.amax(0)) | (middle + reach <= shadow.amin(0))
    return ~apart.any(1)


def _edge_normals(points: Tensor) -> Tensor:
    """The outward unit normals of the hull's edges, `(e, 2)`."""
    from scipy.spatial import ConvexHull  # takes half a second to import

    return torch.from_numpy(ConvexHull(points.numpy()).equations[:, :2].copy())
