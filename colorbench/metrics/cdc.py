"""Color distribution consistency (CDC) of a video: how much do the colors of its frames flicker? 0 is not at all.

Liu et al. 2021 (Temporally Consistent Video Colorization, TCVC, arXiv 2110.04562): the Jensen-Shannon divergence (natural
logarithm, 0..0.693) between the 256-level histograms of frames t and t + k, averaged over R, G and B, over t, and over
k = 1, 2, 4. Papers report about .001 to .005.

It looks at the predictions alone; the frames of a folder come in the order of their names, so number them `0001.png`. A
video whose light changes has a CDC of its own, and a video in gray is steady too: read it beside that of the true frames,
and beside a metric of quality.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from colorbench.tensors import Rgb, Rgb8, Scalar, TooFewPictures, checked_rgb

GAPS = (1, 2, 4)
LEVELS = 256


def cdc(pred: Rgb | Rgb8, target: Rgb | Rgb8 | None = None) -> Scalar:
    """CDC of the frames of one video, in their order; `target` is not looked at.

    Cost: one histogram per frame, the cheapest metric here.

    Raises:
        TooFewPictures: fewer than 5 frames.

    >>> import torch
    >>> black, white = torch.zeros(4, 3, 2, 2), torch.ones(4, 3, 2, 2)
    >>> round(cdc(torch.cat([black, white])).item(), 4)  # ln 2 in 1 of 7, 2 of 6 and 4 of 4 steps
    0.3411
    """
    histograms = level_histograms(checked_rgb(pred))
    return torch.tensor(cdc_of(histograms, histograms))


def cdc_of(pred: Float[Tensor, "n d"], target: Float[Tensor, "m d"]) -> float:
    """CDC from the histograms of the frames; those of the true frames are not looked at.

    The divergence of the three channels' histograms, put one after the other, is the mean of their divergences.
    """
    if len(pred) <= max(GAPS):
        raise TooFewPictures(
            f"cdc compares frames up to {max(GAPS)} apart: {len(pred)} are too few, give the whole video"
        )
    shares = pred.double().clamp_min(0)
    shares = shares / shares.sum(dim=1, keepdim=True).clamp_min(1e-12)
    return sum(_divergence(shares[:-gap], shares[gap:]).mean().item() for gap in GAPS) / len(GAPS)


def level_histograms(rgb: Rgb) -> Float[Tensor, "b d"]:
    """The histograms of the 8-bit levels of R, G and B, one after the other: `(b, 768)`, shares of the pixels."""
    levels = (rgb * 255).round().nan_to_num(0.0).long().clamp(0, LEVELS - 1).flatten(2)
    places = (levels + LEVELS * torch.arange(3, device=rgb.device).view(3, 1)).flatten(1)
    counts = torch.zeros(len(rgb), 3 * LEVELS, dtype=torch.float64, device=rgb.device)
    counts.scatter_add_(1, places, torch.ones_like(places, dtype=torch.float64))
    return (counts / levels.shape[2]).float() + 0 * rgb.mean(dim=(2, 3)).sum(dim=1, keepdim=True)  # NaN stays NaN


def _divergence(p: Tensor, q: Tensor) -> Tensor:
    """Jensen-Shannon divergence of distributions `(n, d)`, in nats."""
    middle = (p + q) / 2
    return (torch.special.xlogy(p, p) + torch.special.xlogy(q, q)).sum(1) / 2 - torch.special.xlogy(middle, middle).sum(
        1
    )
