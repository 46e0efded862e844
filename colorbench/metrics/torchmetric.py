"""`as_torchmetric(name)`: any row of METRICS as a `torchmetrics.Metric`, which adds up over batches and processes.

Its states are sums (for a set metric: lists of features), so several processes together give what one would: a mean
over all images, never a mean of means.
"""

from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from colorbench.metrics.fid import inception_features
from colorbench.metrics.row import MetricRow
from colorbench.metrics.table import METRICS
from colorbench.names import unknown_name

if TYPE_CHECKING:
    import torchmetrics


def as_torchmetric(name: str) -> "torchmetrics.Metric":
    """A fresh `torchmetrics.Metric` of this key: `update(pred, target)`, `compute()`, `reset()`.

    RGB in [0, 1]. A metric of the prediction alone takes `update(pred)` too. Identical pictures have an infinite psnr:
    they are counted in the state `infinite` and left out of the mean, unless all are identical.

    Raises:
        KeyError: unknown name; lists the known ones.
        ImportError: without torchmetrics, with the line that installs it.

    >>> import torch
    >>> metric = as_torchmetric("psnr")
    >>> metric.update(torch.full((2, 3, 8, 8), 0.5), torch.full((2, 3, 8, 8), 0.6))
    >>> round(metric.compute().item(), 4)
    20.0
    """
    if name not in METRICS:
        raise unknown_name("metric", name, METRICS)
    row = METRICS[name]
    image_mean, set_distance = _classes()
    return image_mean(row) if row.per_image else set_distance(row)


@cache
def _classes() -> tuple[type, type]:
    """The two classes, made when torchmetrics is first asked for: importing colorbench does not import it."""
    try:
        from torchmetrics import Metric
    except ImportError as error:
        raise ImportError("as_torchmetric needs torchmetrics: pip install 'colorbench[torchmetrics]'") from error

    class ImageMean(Metric):
        """The mean of a per-image metric."""

        is_differentiable = False
        full_state_update = False

        def __init__(self, row: MetricRow):
            super().__init__()
            self.row = row
            vars(self)["higher_is_better"] = row.higher_is_better  # a constant of the class in torchmetrics
            for state in ("total", "finite", "infinite"):
                self.add_state(state, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

        def update(self, pred: Tensor, target: Tensor | None = None) -> None:
            single = self.row.inputs == "single"
            values = self.row.function(pred) if single else self.row.function(pred, target)
            infinite = values.isinf()
            self.total += values.double().masked_fill(infinite, 0.0).sum()
            self.finite += (~infinite).sum()
            self.infinite += infinite.sum()

        def compute(self) -> Tensor:
            mean = (self.total / self.finite).float()
            return torch.where((self.finite == 0) & (self.infinite > 0), torch.inf, mean)

    class SetDistance(Metric):
        """A distance between two sets of pictures, from their streamed features."""

        is_differentiable = False
        full_state_update = False

        def __init__(self, row: MetricRow):
            super().__init__()
            self.row = row
            vars(self)["higher_is_better"] = row.higher_is_better  # a constant of the class in torchmetrics
            for state in ("pred_features", "target_features"):
                self.add_state(state, [], dist_reduce_fx="cat")

        def update(self, pred: Tensor, target: Tensor) -> None:
            self.pred_features.append(inception_features(pred))
            self.target_features.append(inception_features(target))

        def compute(self) -> Tensor:
            both = [
                torch.cat(list(features)) if isinstance(features, list) else features
                for features in (self.pred_features, self.target_features)
            ]
            return torch.tensor(self.row.on_features(*both))

    return ImageMean, SetDistance
