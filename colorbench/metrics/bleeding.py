"""Color bleeding: is the color wrong at the photo's edges more than inside its surfaces? Unit: delta E.

The effect that Kim et al. 2021 (Deep Edge-Aware Interactive Colorization against Color-Bleeding Effects) describe: color
that runs over the outline of a thing. Edges are where L* of the photo rises by at least 16 per pixel (Sobel, so a sharp
step of 32); "near" is within 2 pixels of one: 15 to 45 % of a photo's pixels. The value is the mean CIEDE2000 near edges
minus the mean over all other pixels.

A difference, not a ratio: it is in just noticeable differences like the two means, 0 for the photo itself, and stays small
where both means are, while a ratio of two nearly exact pictures is noise. It is signed: a colorizer that misses whole
surfaces, such as gray, may be below 0, so read it beside `delta-e-2000` and never rank by it alone.
"""

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from colorbench.color import rgb_to_lab
from colorbench.color.fused import fused
from colorbench.metrics.delta_e import delta_e_2000_lab
from colorbench.tensors import Lab, PerImage, Rgb, Rgb8, checked_pair

EDGE = 16.0
"""Rise of L* per pixel from which an edge is strong."""
REACH_PX = 2


def color_bleeding(pred: Rgb | Rgb8, target: Rgb | Rgb8) -> PerImage:
    """Mean CIEDE2000 near the photo's strong edges minus elsewhere; 0 for a photo without edges, or with nothing else.

    Cost: that of `delta_e_2000` and three passes over the photo's lightness; in `score` both are shared with other metrics.

    >>> import torch
    >>> photo = torch.zeros(1, 3, 8, 16)
    >>> photo[..., 8:] = 0.5
    >>> pred = photo.clone()
    >>> pred[:, 2, :, 7] = 0.2  # one column of blue beside the edge
    >>> color_bleeding(pred, photo).item() > 1
    True
    """
    pred, target = checked_pair(pred, target)
    pred, target = rgb_to_lab(pred), rgb_to_lab(target)
    return edge_excess(delta_e_2000_lab(pred, target), near_edges(target))


def near_edges(lab: Lab) -> Tensor:
    """Whether a pixel is within `REACH_PX` pixels (of a square) of a strong edge of lightness, `(b, h, w)`."""
    edges = (_rise(lab[:, :1]) >= EDGE).to(lab.dtype)
    return max_pool2d(edges, 2 * REACH_PX + 1, stride=1, padding=REACH_PX)[:, 0] > 0


@fused
def edge_excess(difference: Tensor, near: Tensor) -> PerImage:
    """Mean over the pixels that are `near` minus the mean over the others, per picture; 0 where one of them is empty."""
    chosen, whole = near.to(difference), near.shape[1] * near.shape[2]
    count = chosen.sum(dim=(1, 2))
    at, rest = (difference * chosen).sum(dim=(1, 2)), (difference * (1 - chosen)).sum(dim=(1, 2))
    excess = at / count.clamp_min(1) - rest / (whole - count).clamp_min(1)
    return torch.where((count > 0) & (count < whole), excess, 0 * excess.abs())  # NaN stays NaN


def _rise(plane: Tensor) -> Tensor:
    """Length of the Sobel gradient per pixel; beyond the border the outermost pixels go on."""
    x = torch.cat([plane[..., :1], plane, plane[..., -1:]], dim=-1)
    x = torch.cat([x[..., :1, :], x, x[..., -1:, :]], dim=-2)
    across, down = x[..., 2:] - x[..., :-2], x[..., 2:, :] - x[..., :-2, :]
    across = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    down = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    return (across.square() + down.square()).sqrt() / 8
