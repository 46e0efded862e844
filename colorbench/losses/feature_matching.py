"""Feature matching: L1 between what a critic's layers make of the photo and of the prediction (pix2pixHD, Wang 2018, eq. 4).

Sum over the layers before the logits of the mean abs(difference), times 4 / (number of layers) as in their code;
their weight is 10. Range: >= 0, 0 for equal pictures.
"""

from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.losses.critic import Critic, frozen
from colorbench.losses.inputs import full_precision
from colorbench.losses.patchgan import PatchGanTerm
from colorbench.tensors import PerImage, checked_floats, same_shape

LAYER_WEIGHT = 4.0


@full_precision
def feature_matching(found: list[Tensor], wanted: list[Tensor]) -> PerImage:
    """The distance of two lists of feature maps `(b, c, h, w)`, such as `PatchGan.features` gives."""
    for name, each in (("found", found), ("wanted", wanted)):
        if not isinstance(each, list | tuple):
            raise TypeError(f"{name} is a {type(each).__name__}, wanted a list of feature maps (b, c, h, w)")
    if len(found) != len(wanted) or not found:
        raise ValueError(f"expected two lists of as many feature maps, got {len(found)} and {len(wanted)}")
    maps = [
        same_shape(checked_floats(one, "found"), checked_floats(other, "wanted"), "found", "wanted")
        for one, other in zip(found, wanted)
    ]
    if len(counts := sorted({len(one) for one, _ in maps})) > 1:
        raise ValueError(
            f"the feature maps are of {counts[0]} and of {counts[-1]} pictures: give every layer's of one batch"
        )
    distances = [(f - w.detach()).abs().mean(dim=(1, 2, 3)) for f, w in maps]
    total = distances[0]
    for distance in distances[1:]:
        total = total + distance
    return total * (LAYER_WEIGHT / len(distances))


class FeatureMatchingTerm(nn.Module):
    """Uses the critic of the expression's patchgan; without one it trains its own.

    Args:
        mode, view, width, layers: of its own critic.
    """

    def __init__(self, *, mode: str = "lsgan", view: str = "ab", width: int = 64, layers: int = 3):
        super().__init__()
        self.own: PatchGanTerm | None = PatchGanTerm(mode=mode, view=view, width=width, layers=layers)
        self._shared: list[Critic] = []
        self.settings_are_plain = (mode, view, width, layers) == ("lsgan", "ab", 64, 3)

    @property
    def critics(self) -> tuple[Critic, ...]:
        """Its own, if it trains one."""
        return () if self.own is None else self.own.critics

    def share(self, critic: Critic) -> None:
        """Use this critic, which another term trains."""
        if not self.settings_are_plain:
            raise ValueError(
                "feature-matching uses the critic of the expression's patchgan, so it takes no settings of its own; "
                "give them to patchgan"
            )
        self.own, self._shared = None, [critic]  # in a list: another term's module is no part of this one

    def forward(self, output: Output, batch: Batch) -> PerImage:
        critic = self._shared[0] if self.own is None else self.own.critic
        real, fake = critic.show(output, batch)
        with frozen(critic.network):
            return feature_matching(critic.features(fake), critic.features(real))
