"""The patchgan term: a generator's loss from a critic that is trained beside it (Isola 2017).

The critic sees, by `view`: `ab` (default) lightness and ab / 110, 3 channels; `rgb` the gray picture and the
coloured one as an RGB pair, 6 channels, as in pix2pix; `conditional=False` drops the gray. All in [-1, 1].
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.color import lab_to_rgb
from colorbench.losses.adversarial import (
    PENALISED,
    PENALTY,
    discriminator_loss,
    generator_loss,
    r1_penalty,
    wgan_penalty,
)
from colorbench.losses.critic_network import PatchGan
from colorbench.losses.image_pool import ImagePool
from colorbench.losses.precision import full_precision
from colorbench.tensors import PerImage, Scalar

CHANNELS = {("ab", True): 3, ("ab", False): 2, ("rgb", True): 6, ("rgb", False): 3}
ADAM = {"lr": 2e-4, "betas": (0.5, 0.999)}  # pix2pix


class PatchGanTerm(nn.Module):
    """A PatchGAN and both sides of its game.

    `forward` is the generator's side: the critic's parameters are held constant while it is computed, so that
    its backward leaves no gradient on them. `critic_loss` is the critic's side: the prediction is detached.

    Args:
        mode: `vanilla`, `lsgan`, `hinge`, `wgan-gp` or `r1`.
        view: what is judged, `ab` or `rgb`.
        conditional: is the gray input shown beside the colours.
        width, layers, spectral: see PatchGan.
        norm: `batch`, `instance`, `none`; None: batch, and instance for wgan-gp and r1, whose penalty is a
            picture's own.
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
        _checked(mode, view, norm)
        self.mode, self.view, self.conditional, self.penalty = mode, view, conditional, penalty
        norm = norm or ("instance" if mode in PENALISED else "batch")
        self.network = PatchGan(CHANNELS[view, conditional], width, layers, norm, spectral)
        self.pool = ImagePool(pool)
        self.optimizer = dict(ADAM)

    @property
    def critics(self) -> tuple["PatchGanTerm", ...]:
        return (self,)

    def critic_parameters(self) -> Iterator[nn.Parameter]:
        """What the critic's optimiser trains."""
        return self.network.parameters()

    @full_precision
    def forward(self, output: Output, batch: Batch) -> PerImage:
        """The generator's loss."""
        with frozen(self.network):
            return generator_loss(self.network(self.look(output, batch)), mode=self.mode)

    @full_precision
    def critic_loss(self, output: Output, batch: Batch) -> Scalar:
        """The critic's loss: averaged over real and fake, plus the penalty of wgan-gp and r1."""
        real, fake = self.look(batch, batch).detach(), self.pool(self.look(output, batch).detach())
        loss = discriminator_loss(self.network(real), self.network(fake), mode=self.mode)
        if self.mode == "wgan-gp":
            loss = loss + self.penalty * wgan_penalty(self.network, real, fake)
        elif self.mode == "r1":
            loss = loss + self.penalty * r1_penalty(self.network, real)
        return loss.mean()

    def look(self, colors: Output | Batch, batch: Batch) -> Tensor:
        """What the critic sees of a prediction, or of the photos themselves."""
        if self.view == "ab":
            seen = colors.ab.float() / 110
            return torch.cat([batch.gray, seen], dim=1) if self.conditional else seen
        seen = colors.rgb.float() * 2 - 1
        return torch.cat([gray_picture(batch) * 2 - 1, seen], dim=1) if self.conditional else seen


def gray_picture(batch: Batch) -> Tensor:
    """The photo without its colours, sRGB `(b, 3, h, w)`."""
    return lab_to_rgb(torch.cat([batch.lightness, torch.zeros_like(batch.ab)], dim=1))


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Inside, the graph takes the network's parameters for constants; its input keeps its gradient."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


def _checked(mode: str, view: str, norm: str | None) -> None:
    generator_loss(torch.zeros(1, 1, 1, 1), mode=mode)  # refuses an unknown mode
    if (view, True) not in CHANNELS:
        raise ValueError(f"patchgan has no view {view!r}; known views: ab, rgb")
    if mode in PENALISED and norm == "batch":
        raise ValueError(
            f"patchgan(mode={mode!r}) penalises each picture's own gradient, which batch norm mixes; "
            "use norm='instance' or norm='none'"
        )
