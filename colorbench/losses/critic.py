"""Critic: a network that trains against the generator, and both sides of its game.

Generator's side: the critic's parameters are constants of the graph, so the generator's backward leaves no
gradient on them and the loop need not switch anything. Critic's side: what it is shown is cut from the
generator's graph.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.losses.adversarial import (
    PENALISED,
    PENALTY,
    discriminator_loss,
    generator_loss,
    r1_penalty,
    wgan_penalty,
)
from colorbench.losses.image_pool import ImagePool
from colorbench.losses.precision import full_precision
from colorbench.tensors import PerImage, Scalar

ADAM = {"lr": 2e-4, "betas": (0.5, 0.999)}  # pix2pix, CycleGAN

Show = Callable[[Output, Batch], tuple[Tensor, Tensor]]


class Critic(nn.Module):
    """One critic.

    Args:
        network: pictures -> logits `(b, 1, h, w)`.
        show: what the network sees of a prediction and its batch: real and fake pictures.
        mode: `vanilla`, `lsgan`, `hinge`, `wgan-gp` or `r1`.
        penalty: weight of the gradient penalty of wgan-gp and r1.
        pool: how many past fakes are kept and shown again.

    Attributes:
        optimizer: the settings of its Adam.
    """

    def __init__(self, network: nn.Module, show: Show, mode: str, penalty: float = PENALTY, pool: int = 0):
        super().__init__()
        self.network, self.show, self.mode, self.penalty = network, show, mode, penalty
        self.pool, self.optimizer = ImagePool(pool), dict(ADAM)

    def critic_parameters(self) -> Iterator[nn.Parameter]:
        """What the critic's optimiser trains."""
        return self.network.parameters()

    @full_precision
    def generator_loss(self, fake: Tensor) -> PerImage:
        """The generator's loss for these fakes."""
        with frozen(self.network):
            return generator_loss(self.network(fake), mode=self.mode)

    @full_precision
    def critic_loss(self, output: Output, batch: Batch) -> Scalar:
        """The critic's loss: averaged over real and fake, plus the penalty of wgan-gp and r1."""
        real, fake = (pictures.detach() for pictures in self.show(output, batch))
        fake = self.pool(fake)
        loss = discriminator_loss(self.network(real), self.network(fake), mode=self.mode).mean()
        if self.mode == "wgan-gp":
            loss = loss + self.penalty * wgan_penalty(self.network, real, fake).mean()
        elif self.mode == "r1":
            loss = loss + self.penalty * r1_penalty(self.network, real).mean()
        return loss


def fitting_norm(mode: str, norm: str | None) -> str:
    """Batch norm unless told otherwise; instance norm for the modes that penalise each picture's own gradient."""
    if mode in PENALISED and norm == "batch":
        raise ValueError(
            f"mode={mode!r} penalises each picture's own gradient, which batch norm mixes; "
            "use norm='instance' or norm='none'"
        )
    return norm or ("instance" if mode in PENALISED else "batch")


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
