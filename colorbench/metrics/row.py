"""MetricRow: one line of the METRICS table. Direction, unit and source are data, read by plots, CLI, docs and tests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from colorbench.features.inception import INCEPTION_WIDTH
from colorbench.metrics.pair import Pair

INPUTS = ("pair", "single", "set")


@dataclass(frozen=True)
class SetFeatures:
    """What a set metric keeps of every picture.

    Args:
        of_pair: the features `(b, width)` of a batch of predictions, and those of their photos.
        width: of one picture's features.
    """

    of_pair: Callable[[Pair], tuple[Tensor, Tensor]]
    width: int


INCEPTION = SetFeatures(lambda pair: (pair.inception, pair.reference.inception), INCEPTION_WIDTH)


@dataclass(frozen=True)
class MetricRow:
    """One metric.

    Args:
        key: kebab-case name, the same in the CLI, records, tables and file names.
        function: `(pred, target) -> (b,)` in RGB; `(rgb) -> (b,)` when `inputs` is "single"; `(pred, target) -> ()`
            over two whole sets when it is "set".
        unit: for axis labels; "" for a pure number.
        higher_is_better: None when neither is (a signed bias, a plain amount of color).
        source: paper or definition.
        version: changes whenever a value changes; part of the protocol of a board.
        inputs: "pair", "single" (the prediction alone) or "set" (features of all pictures).
        needs: the pretrained network it cannot work without, as `load_features` names it, or None.
        default: whether `score` computes it when no metrics are named.
        on_pair: the same value from a `Pair`, which shares color conversions and reference features; None uses
            `function`.
        on_features: for a set metric, its value from the features of both sets.
        features: for a set metric, what they are; rows that share one object share what is kept.
        differentiable: False when it has no gradient, or one that is 0 everywhere.
        ordered: for a set metric, whether the order of the pictures counts: they are a video's frames.
    """

    key: str
    function: Callable[..., Tensor]
    unit: str
    higher_is_better: bool | None
    source: str
    version: str = "1"
    inputs: Literal["pair", "single", "set"] = "pair"
    needs: str | None = None
    default: bool = True
    on_pair: Callable[[Pair], Tensor] | None = None
    on_features: Callable[[Tensor, Tensor], float] | None = None
    features: SetFeatures = INCEPTION
    differentiable: bool = True
    ordered: bool = False

    def __post_init__(self):
        if self.inputs not in INPUTS:
            raise ValueError(f"metric {self.key}: inputs is {self.inputs!r}, known: {', '.join(INPUTS)}")

    @property
    def per_image(self) -> bool:
        """Whether it gives one value per picture."""
        return self.inputs != "set"

    def of_pair(self, pair: Pair) -> Tensor:
        """The per-image values `(b,)` of a pair."""
        if self.on_pair is not None:
            return self.on_pair(pair)
        if self.inputs == "single":
            return self.function(pair.pred)
        return self.function(pair.pred, pair.target)

    def of_features(self, pred: Tensor, target: Tensor) -> float:
        """The value of a set metric from the features of both sets."""
        if self.on_features is None:
            raise ValueError(f"{self.key} cannot be computed from features: its row has no on_features")
        return self.on_features(pred, target)
