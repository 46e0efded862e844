"""The `torchmetrics.Metric` classes behind `as_torchmetric`: one per key of METRICS, attributes of this module.

    from colorbench.metrics.torchmetric_classes import DeltaE2000

Their states are sums, or lists with a row for each picture (features of a set metric, areas by bin of `ab-auc-rebalanced`),
so several processes together give what one would: a mean over all pictures, never a mean of means. A class is made when it is
first asked for, also by pickle, which finds it by its name; metrics of a plug-in have theirs once the plug-in is loaded. The
one module that imports torchmetrics.
"""

from functools import cache
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, distributed
from torchmetrics import Metric

from colorbench.color import ab_bins, rgb_to_lab
from colorbench.metrics.ab_auc import areas_by_bin, rebalanced_of_bins
from colorbench.metrics.fid import inception_features
from colorbench.metrics.pair import Pair
from colorbench.metrics.row import INCEPTION, MetricRow
from colorbench.metrics.table import METRICS
from colorbench.tensors import checked_pair, float32_on_gpu


class ImageMean(Metric):
    """The mean of a per-image metric."""

    full_state_update = False
    row: MetricRow
    total: Tensor
    finite: Tensor
    infinite: Tensor

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        for state in ("total", "finite", "infinite"):
            self.add_state(state, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, pred: Tensor, target: Tensor | None = None) -> None:
        """Add the pictures `(b, 3, h, w)` of a batch."""
        with float32_on_gpu("ieee"):  # as in `score`
            values = self.row.function(pred) if self.row.inputs == "single" else self.row.function(pred, target)
        infinite = values.isinf()
        self.total = self.total + values.double().masked_fill(infinite, 0.0).sum()
        self.finite = self.finite + (~infinite).sum()
        self.infinite = self.infinite + infinite.sum()

    def compute(self) -> Tensor:
        """The mean over all pictures so far."""
        if self.finite + self.infinite == 0:
            raise RuntimeError(
                f"{type(self).__name__} has seen no pictures: call update(pred, target) before compute()"
            )
        mean = (self.total / self.finite).float()
        return torch.where((self.finite == 0) & (self.infinite > 0), torch.inf, mean)


class _OfAll(Metric):
    """What is computed once all pictures have been seen, from lists with a row for each."""

    full_state_update = False
    row: MetricRow
    width: int
    lists: ClassVar[tuple[str, str]]
    dtype_of_rows: ClassVar[torch.dtype] = torch.float32

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        for state in self.lists:
            self.add_state(state, [], dist_reduce_fx="cat")

    def add(self, *rows: Tensor) -> None:
        """Rows of a batch for every list."""
        for state, some in zip(self.lists, rows):
            getattr(self, state).append(some)

    def joined(self) -> list[Tensor]:
        """Every list as one tensor, over all batches and processes."""
        found = [_joined(getattr(self, state)) for state in self.lists]
        rows = [some for some in found if some is not None]
        if len(rows) < len(found):
            raise RuntimeError(
                f"{type(self).__name__} has seen no pictures: call update(pred, target) before compute()"
            )
        return rows

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """Gather the rows of all processes; one without pictures gives an empty tensor of the same width."""
        if kwargs.get("should_sync", True) and _has_other_processes():
            self._refuse_if_ordered()
        for state in self.lists:
            rows = getattr(self, state)
            if isinstance(rows, list) and not rows:
                rows.append(torch.empty(0, self.width, dtype=self.dtype_of_rows, device=self.device))
        super().sync(*args, **kwargs)

    def merge_state(self, *args: Any, **kwargs: Any) -> None:
        """Add another's pictures to these."""
        self._refuse_if_ordered()
        super().merge_state(*args, **kwargs)

    def _refuse_if_ordered(self) -> None:
        if self.row.ordered:
            raise RuntimeError(
                f"{self.row.key} compares neighboring frames, whose order is lost between processes: give one process the "
                "whole video"
            )


class RebalancedAccuracy(_OfAll):
    """The mean of `ab-auc-rebalanced`, whose weights are those of the colors of all photos."""

    lists = ("areas", "counts")
    dtype_of_rows = torch.float64

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Add the pictures `(b, 3, h, w)` of a batch."""
        self.add(*areas_by_bin(*map(rgb_to_lab, checked_pair(pred, target))))

    def compute(self) -> Tensor:
        """The mean over all pictures so far."""
        return rebalanced_of_bins(*self.joined()).mean().float()


class SetDistance(_OfAll):
    """A distance between two sets of pictures, from the features of all of them."""

    lists = ("pred_features", "target_features")

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Add the features of a batch of predictions and of their photos."""
        with float32_on_gpu("ieee"):  # as in `score`
            if self.row.features is INCEPTION:  # whose sets may differ in length and size
                pred_features, target_features = inception_features(pred), inception_features(target)
            else:
                pred_features, target_features = self._of_pair(pred, target)
        self.add(pred_features, target_features)

    @torch.inference_mode()
    def _of_pair(self, pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return self.row.features.of_pair(Pair(pred, target))

    def compute(self) -> Tensor:
        """The distance between all predictions and all photos so far."""
        return torch.tensor(self.row.of_features(*self.joined()))


def class_name(key: str) -> str:
    """The name of a key's class: `delta-e-2000` is `DeltaE2000`."""
    return "".join(part.capitalize() for part in key.split("-"))


@cache
def class_of(key: str) -> type[Metric]:
    """The class of this key."""
    row = METRICS[key]
    base = RebalancedAccuracy if key == "ab-auc-rebalanced" else ImageMean if row.per_image else SetDistance
    attributes = {
        "__module__": __name__,
        "__doc__": f"{key} ({row.source}), {'the mean over pictures' if row.per_image else 'between two sets'}.",
        "row": row,
        "width": len(ab_bins()) if base is RebalancedAccuracy else row.features.width,
        "higher_is_better": row.higher_is_better,
        "is_differentiable": row.differentiable,
    }
    return cast(type[Metric], type(class_name(key), (base,), attributes))


def __getattr__(name: str) -> type[Metric]:
    for key in METRICS:
        if class_name(key) == name:
            return class_of(key)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _has_other_processes() -> bool:
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def _joined(features: list[Tensor] | Tensor) -> Tensor | None:
    """Features of all batches and processes, or None without any."""
    parts = [features] if isinstance(features, Tensor) else features
    parts = [part for part in parts if part.numel()]
    return torch.cat(parts) if parts else None
