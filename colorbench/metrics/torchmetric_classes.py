"""The `torchmetrics.Metric` classes behind `as_torchmetric`: one per key of METRICS, attributes of this module.

    from colorbench.metrics.torchmetric_classes import DeltaE2000

Their states are sums (for a set metric: lists of features), so several processes together give what one would: a mean
over all pictures, never a mean of means. A class is made when it is first asked for, also by pickle, which finds it by its
name; metrics of a plug-in have theirs once the plug-in is loaded. The one module that imports torchmetrics.
"""

from functools import cache
from typing import Any, cast

import torch
from torch import Tensor
from torchmetrics import Metric

from colorbench.metrics.fid import inception_features
from colorbench.metrics.pair import Pair
from colorbench.metrics.row import INCEPTION, MetricRow
from colorbench.metrics.table import METRICS
from colorbench.tensors import float32_on_gpu


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


class SetDistance(Metric):
    """A distance between two sets of pictures, from the features of all of them."""

    full_state_update = False
    row: MetricRow
    width: int
    pred_features: list[Tensor]
    target_features: list[Tensor]

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        for state in ("pred_features", "target_features"):
            self.add_state(state, [], dist_reduce_fx="cat")

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Add the features of a batch of predictions and of their photos."""
        with float32_on_gpu("ieee"):  # as in `score`
            if self.row.features is INCEPTION:  # whose sets may differ in length and size
                pred_features, target_features = inception_features(pred), inception_features(target)
            else:
                pred_features, target_features = self._of_pair(pred, target)
        self.pred_features.append(pred_features)
        self.target_features.append(target_features)

    @torch.inference_mode()
    def _of_pair(self, pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return self.row.features.of_pair(Pair(pred, target))

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """Gather the features of all processes; one without pictures gives an empty tensor of the same width."""
        for features in (self.pred_features, self.target_features):
            if isinstance(features, list) and not features:
                features.append(torch.empty(0, self.width, device=self.device))
        super().sync(*args, **kwargs)

    def compute(self) -> Tensor:
        """The distance between all predictions and all photos so far."""
        pred, target = _joined(self.pred_features), _joined(self.target_features)
        if pred is None or target is None:
            raise RuntimeError(
                f"{type(self).__name__} has seen no pictures: call update(pred, target) before compute()"
            )
        return torch.tensor(self.row.of_features(pred, target))


def class_name(key: str) -> str:
    """The name of a key's class: `delta-e-2000` is `DeltaE2000`."""
    return "".join(part.capitalize() for part in key.split("-"))


@cache
def class_of(key: str) -> type[Metric]:
    """The class of this key."""
    row = METRICS[key]
    attributes = {
        "__module__": __name__,
        "__doc__": f"{key} ({row.source}), {'the mean over pictures' if row.per_image else 'between two sets'}.",
        "row": row,
        "width": row.features.width,
        "higher_is_better": row.higher_is_better,
        "is_differentiable": row.differentiable,
    }
    base: type[Metric] = ImageMean if row.per_image else SetDistance
    return cast(type[Metric], type(class_name(key), (base,), attributes))


def __getattr__(name: str) -> type[Metric]:
    for key in METRICS:
        if class_name(key) == name:
            return class_of(key)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _joined(features: list[Tensor] | Tensor) -> Tensor | None:
    """Features of all batches and processes, or None without any."""
    parts = [features] if isinstance(features, Tensor) else features
    parts = [part for part in parts if part.numel()]
    return torch.cat(parts) if parts else None
