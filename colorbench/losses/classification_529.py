"""Classification over a plain 23 x 23 grid beside a regression head (Zhang 2017, Real-Time User-Guided Colorization).

The grid has step 10 over ab in -110..110; the target is the nearest point, hard; compared at a quarter of the size.
The total is the cross-entropy + 10 x the L1 of the regression head, summed over the two channels of ab / 110, as
in the authors' code. Range: >= 0, nats + ab / 110.
"""

from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.losses.bin_cross_entropy import sparse_log_softmax
from colorbench.losses.classification import sample
from colorbench.losses.inputs import takes_logits
from colorbench.tensors import Ab, Logits, PerImage

STEP, REACH = 10, 110
SIDE = 2 * REACH // STEP + 1
REGRESSION_WEIGHT = 10.0


def grid_index(ab: Ab) -> Tensor:
    """The index a * 23 + b of the nearest grid point, `(b, h, w)`.

    >>> import torch
    >>> grid_index(torch.zeros(1, 2, 1, 1)).item()
    264
    """
    steps = ((ab.clamp(-REACH, REACH) + REACH) / STEP).round().nan_to_num(0.0).long()
    return steps[:, 0] * SIDE + steps[:, 1]


@takes_logits(SIDE**2, "use a generator with the class head of siggraph17")
def classification_529(logits: Logits, ab: Ab) -> PerImage:
    """Cross-entropy of logits `(b, 529, h', w')` with the grid point of ab `(b, 2, h, w)` in Lab units."""
    seen = sample(ab, logits.shape[-2:])
    zero = 0 * seen.sum(dim=(1, 2, 3))  # NaN where ab holds NaN
    return zero - sparse_log_softmax(logits, grid_index(seen)[:, None]).mean(dim=(1, 2, 3))


class Classification529Term(nn.Module):
    """Reads `extras['logits_529']` of the output; the regression head is the output's ab.

    Args:
        regression: weight of the L1 of ab.
    """

    def __init__(self, *, regression: float = REGRESSION_WEIGHT):
        super().__init__()
        self.regression = regression

    def forward(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        logits = output.extras.get("logits_529")
        if logits is None:
            raise ValueError(
                "classification-529 reads extras['logits_529'] of the output, which this one does not have: use a generator "
                "with that head (siggraph17) in training mode"
            )
        classes = classification_529(logits, batch.ab)
        regression = ((output.ab.float() - batch.ab).abs().sum(dim=1) / REACH).mean(dim=(1, 2))
        total = classes + self.regression * regression
        return {"": total, "classes": classes.detach(), "regression": regression.detach()}
