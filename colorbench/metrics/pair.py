"""Pair and Reference: a prediction beside its truth, with everything that metrics share computed once.

A `Reference` (one batch of true photos) outlives the generators scored against it: its Lab, colorfulness and network
features are computed for the first and used by all. What it keeps is charged to a `Room`, so a large set does not fill
the memory: what no longer fits is computed again.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from torch import Tensor

from colorbench.color import rgb_to_lab
from colorbench.features import load_features
from colorbench.metrics.ab_auc import pixel_weights, prior_of, rebalancing
from colorbench.metrics.agreement import agreement, top1
from colorbench.metrics.bleeding import near_edges
from colorbench.metrics.colorfulness import colorfulness, colorfulness_abs
from colorbench.metrics.delta_e import delta_e_2000_lab
from colorbench.metrics.lpips import lpips_features, lpips_to
from colorbench.metrics.ssim import structure
from colorbench.tensors import checked_pair


class Room:
    """Bytes that may still be kept."""

    def __init__(self, bytes_left: int | float):
        self.bytes_left = bytes_left

    def take(self, size: int) -> bool:
        """Whether this many bytes fit; if so they are gone."""
        if size > self.bytes_left:
            return False
        self.bytes_left -= size
        return True


class Reference:
    """True photos `(b, 3, h, w)` in [0, 1] and what was computed from them.

    Args:
        rgb: the photos.
        room: for what is kept; default without bounds.
        bin_weights: gives those of the set that the photos belong to.
        inception: called with what computes their Inception features; returns these, computed or kept.
    """

    def __init__(
        self,
        rgb: Tensor,
        room: Room | None = None,
        bin_weights: Callable[[], Tensor] | None = None,
        inception: Callable[[Callable[[], Tensor]], Tensor] | None = None,
    ):
        self.rgb = rgb
        self._bin_weights = bin_weights
        self._inception = inception
        self.room = room or Room(float("inf"))
        self._kept: dict[Any, Any] = {}

    def keep(self, key: Any, compute: Callable[[], Any]) -> Any:
        """The value of this key: kept from before, or computed now and kept when there is room."""
        if key in self._kept:
            return self._kept[key]
        value = compute()
        if self.room.take(_size(value)):
            self._kept[key] = value
        return value

    @property
    def lab(self) -> Tensor:
        return self.keep("lab", lambda: rgb_to_lab(self.rgb))

    @property
    def colorfulness(self) -> Tensor:
        return self.keep("colorfulness", lambda: colorfulness(self.rgb))

    @property
    def colorfulness_abs(self) -> Tensor:
        return self.keep("colorfulness abs", lambda: colorfulness_abs(self.rgb))

    @property
    def bin_weights(self) -> Tensor:
        """1 / p of each color bin, over the whole reference set when there is one, else over these photos."""
        return self._bin_weights() if self._bin_weights else rebalancing(prior_of(self.lab))

    @property
    def pixel_weights(self) -> Tensor:
        """The weight of each pixel's color bin, `(b, h, w)`."""
        return self.keep("pixel weights", lambda: pixel_weights(self.lab, self.bin_weights))

    @property
    def labels(self) -> Tensor:
        return self.keep("labels", lambda: top1(self.rgb))

    @property
    def near_edges(self) -> Tensor:
        """Whether a pixel is near a strong edge of lightness, `(b, h, w)`."""
        return self.keep("near edges", lambda: near_edges(self.lab))

    def lpips_features(self, net: str) -> dict[str, Tensor]:
        return self.keep(("lpips", net), lambda: lpips_features(self.rgb, net))

    @property
    def inception(self) -> Tensor:
        def compute():
            return load_features("inception", self.rgb.device)(self.rgb)

        def found():
            return self._inception(compute).to(self.rgb.device) if self._inception else compute()

        return self.keep("inception", found)


class Pair:
    """A batch of predictions and its reference. Each derived view is computed at most once."""

    def __init__(self, pred: Tensor, target: Tensor | Reference):
        self.reference = target if isinstance(target, Reference) else Reference(target)
        self.pred, self.target = checked_pair(pred, self.reference.rgb)

    @cached_property
    def pred_lab(self) -> Tensor:
        return rgb_to_lab(self.pred)

    @property
    def target_lab(self) -> Tensor:
        return self.reference.lab

    @cached_property
    def delta_e_2000(self) -> Tensor:
        """CIEDE2000 of every pixel, `(b, h, w)`."""
        return delta_e_2000_lab(self.pred_lab, self.target_lab)

    @cached_property
    def structure(self) -> tuple[Tensor, Tensor]:
        """SSIM and contrast terms at full size, which ssim and ms-ssim share."""
        return structure(self.pred, self.target)

    @cached_property
    def pred_colorfulness(self) -> Tensor:
        return colorfulness(self.pred)

    @property
    def colorfulness_bias(self) -> Tensor:
        return self.pred_colorfulness - self.reference.colorfulness

    @property
    def pixel_weights(self) -> Tensor:
        return self.reference.pixel_weights

    @property
    def same_label(self) -> Tensor:
        """1 where a classifier gives both pictures the same label."""
        return agreement(self.reference.labels, top1(self.pred)).to(self.pred)

    def lpips(self, net: str) -> Tensor:
        return lpips_to(self.pred, self.reference.lpips_features(net), net)

    @cached_property
    def inception(self) -> Tensor:
        return load_features("inception", self.pred.device)(self.pred)


def _size(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return 0
