"""Critic: a network that trains against the generator, and both sides of its game.

Generator's side: the critic's parameters are constants of the graph, so the generator's backward leaves no
gradient on them and the loop need not switch anything. Critic's side: what it is shown is cut from the
generator's graph. A critic may be shown past fakes too (Shrivastava 2017; CycleGAN keeps 50).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.losses.adversarial import (
    PENALIZED,
    PENALTY,
    PatchLogits,
    discriminator_loss,
    generator_loss,
    penalty,
)
from colorbench.losses.inputs import bf16_autocast, full_precision
from colorbench.tensors import PerImage, Scalar

ADAM = {"lr": 2e-4, "betas": (0.5, 0.999)}  # pix2pix, CycleGAN

Show = Callable[[Output, Batch], tuple[Tensor, Tensor]]


class ImagePool:
    """Keep `size` past pictures; half of what it returns is old, and the new one takes its place.

    `kept` is its whole state: `load` restores it, so a resumed run continues with the same pictures. When pictures change
    their size, the old ones are dropped. `size` 0 returns what comes in.
    """

    def __init__(self, size: int = 50):
        if size < 0:
            raise ValueError(f"an image pool has size 0 or more, got {size}")
        self.size = size
        self.kept: list[Tensor] = []

    def __call__(self, pictures: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        if self.size == 0:
            return pictures
        return torch.stack([self._swap(picture) for picture in pictures.detach()])

    def load(self, kept: list[Tensor]) -> None:
        """Continue with these pictures, `kept` of an earlier pool of the same size."""
        if len(kept) > self.size:
            raise ValueError(
                f"an image pool of {self.size} cannot take {len(kept)} pictures; load the state of its own run"
            )
        self.kept = [picture.clone() for picture in kept]

    def _swap(self, picture: Tensor) -> Tensor:
        if self.kept and self.kept[0].shape != picture.shape:
            self.kept = []
        if len(self.kept) < self.size:
            self.kept.append(picture.clone())
            return picture
        if torch.rand(()) < 0.5:
            return picture
        at = int(torch.randint(self.size, ()))
        old, self.kept[at] = self.kept[at], picture.clone()
        return old


class Critic(nn.Module):
    """One critic.

    Args:
        network: pictures -> logits `(b, 1, h, w)`.
        show: what the network sees of a prediction and its batch: real and fake pictures.
        mode: of `colorbench.losses.adversarial.MODES`.
        penalty: weight of the gradient penalty of wgan-gp and r1.
        pool: how many past fakes are kept and shown again.

    Attributes:
        optimizer: the settings of its Adam.
        in_bf16: whether the network runs under bf16 autocast; logits, losses and penalties are float32 all the same.
    """

    def __init__(self, network: nn.Module, show: Show, mode: str, penalty: float = PENALTY, pool: int = 0):
        super().__init__()
        self.network, self.show, self.mode, self.penalty = network, show, mode, penalty
        self.pool, self.optimizer = ImagePool(pool), dict(ADAM)
        self.in_bf16 = False

    def use_bf16(self) -> None:
        """From here on run the network in bf16 and channels_last; not for the modes with a penalty, whose gradient is what is
        penalized. Call it before the optimizer is made."""
        if self.mode not in PENALIZED:
            self.in_bf16 = True
            self.network.to(memory_format=torch.channels_last)

    def judge(self, pictures: Tensor) -> PatchLogits:
        """The network's logits, in float32."""
        with bf16_autocast(pictures, self.in_bf16):
            logits = self.network(pictures)
        return logits.float()

    def features(self, pictures: Tensor) -> list[Tensor]:
        """What the network's layers make of pictures, in float32."""
        network: Any = self.network
        with bf16_autocast(pictures, self.in_bf16):
            maps = network.features(pictures)
        return [each.float() for each in maps]

    def critic_parameters(self) -> Iterator[nn.Parameter]:
        """What the critic's optimizer trains."""
        return self.network.parameters()

    @full_precision
    def generator_loss(self, fake: Tensor) -> PerImage:
        """The generator's loss for these fakes."""
        with frozen(self.network):
            return generator_loss(self.judge(fake), mode=self.mode)

    @full_precision
    def critic_loss(self, output: Output, batch: Batch) -> Scalar:
        """The critic's loss: averaged over real and fake, plus the penalty of wgan-gp and r1."""
        real, fake = (pictures.detach() for pictures in self.show(output, batch))
        fake = self.pool(fake)
        loss = discriminator_loss(self.judge(real), self.judge(fake), mode=self.mode).mean()
        added = penalty(self.network, real, fake, self.mode)
        return loss if added is None else loss + self.penalty * added.mean()


def fitting_norm(mode: str, norm: str | None) -> str:
    """Batch norm by default; instance norm for the modes that penalize each picture's own gradient."""
    if mode in PENALIZED and norm == "batch":
        raise ValueError(
            f"mode={mode!r} penalizes each picture's own gradient, which batch norm mixes; "
            "use norm='instance' or norm='none'"
        )
    return norm or ("instance" if mode in PENALIZED else "batch")


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
