"""`as_torchmetric(name)`: any row of METRICS as a `torchmetrics.Metric`, which adds up over batches and processes."""

from typing import TYPE_CHECKING

from colorbench.errors import unknown_name
from colorbench.metrics.table import METRICS

if TYPE_CHECKING:
    import torchmetrics


def as_torchmetric(name: str) -> "torchmetrics.Metric":
    """A fresh `torchmetrics.Metric` of this key: `update(pred, target)`, `compute()`, `reset()`.

    Each key has a class of its own (`Psnr`, `DeltaE2000`), so that several stand in one `MetricCollection`, can be pickled
    and saved. RGB, uint8 or float in [0, 1]. A metric of the prediction alone takes `update(pred)` too. Identical pictures
    have an infinite psnr: they are counted in the state `infinite` and left out of the mean, unless all are identical.

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
    try:
        from colorbench.metrics.torchmetric_classes import class_of
    except ImportError as error:
        raise ImportError("as_torchmetric needs torchmetrics: pip install 'colorbench[torchmetrics]'") from error
    return class_of(name)()
