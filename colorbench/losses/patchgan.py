"""The patchgan term: a generator's loss from a critic that is trained beside it (Isola 2017).

The critic sees, by `view`: `ab` (default) lightness and ab / 110, 3 channels, 2.766 M parameters; `rgb` the gray
picture and the coloured one as an RGB pair, 6 channels, 2.769 M, as in pix2pix. `conditional=False` drops the
gray. All in [-1, 1].
"""

import torch
from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.color import lab_to_rgb
from colorbench.losses.adversarial import PENALTY, check_mode
from colorbench.losses.critic import Critic, fitting_norm
from colorbench.losses.critic_network import PatchGan
from colorbench.tensors import PerImage

CHANNELS = {("ab", True): 3, ("ab", False): 2, ("rgb", True): 6, ("rgb", False): 3}


class PatchGanTerm(nn.Module):
    """A PatchGAN in an objective.

    Args:
        mode: `vanilla`, `lsgan`, `hinge`, `wgan-gp` or `r1`.
        view: what is judged, `ab` or `rgb`.
        conditional: is the gray input shown beside the colours.
        width, layers, spectral: see PatchGan.
        norm: `batch`, `instance`, `none`; None: batch, and instance for wgan-gp and r1.
        penalty: weight of the gradient penalty of wgan-gp and r1.
        pool: past fakes the critic is shown as well; CycleGAN 50, pix2pix 0.
    """

    def __init__(
        self,
        *,
        mode: str = "vanilla",
        view: str = "ab",
        conditional: bool = True,
        width: int = 64,
        layers: int = 3,
        norm: str | None = None,
        spectral: bool = False,
        penalty: float = PENALTY,
        pool: int = 0,
    ):
        super().__init__()
        check_mode(mode)
        if (view, conditional) not in CHANNELS:
            raise ValueError(f"patchgan has no view {view!r}; known views: ab, rgb")
        self.view, self.conditional = view, conditional
        network = PatchGan(CHANNELS[view, conditional], width, layers, fitting_norm(mode, norm), spectral)
        self.critic = Critic(network, self.show, mode, penalty, pool)

    @property
    def critics(self) -> tuple[Critic, ...]:
        """The one it trains."""
        return (self.critic,)

    def forward(self, output: Output, batch: Batch) -> PerImage:
        """The generator's loss."""
        return self.critic.generator_loss(self.look(output, batch))

    def show(self, output: Output, batch: Batch) -> tuple[Tensor, Tensor]:
        """What the critic sees: the photos, the prediction."""
        return self.look(batch, batch), self.look(output, batch)

    def look(self, colors: Output | Batch, batch: Batch) -> Tensor:
        """What the critic sees of one of them."""
        if self.view == "ab":
            seen, gray = colors.ab.float() / 110, batch.gray
        else:
            seen, gray = colors.rgb.float() * 2 - 1, gray_picture(batch.lightness) * 2 - 1
        return torch.cat([gray, seen], dim=1) if self.conditional else seen


def gray_picture(lightness: Tensor) -> Tensor:
    """The picture without colour of this lightness, sRGB `(b, 3, h, w)`."""
    return lab_to_rgb(torch.cat([lightness, *[torch.zeros_like(lightness)] * 2], dim=1))
