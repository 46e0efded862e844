"""Cycle: color learned from photos that have no gray twin (CycleGAN, Zhu 2017).

The generator colors gray photos; a second one, owned here, makes color photos gray; one critic per side; LSGAN, pool of 50.
total = LSGAN of both + 10 (|gray - gray again| + |color - color again|) + 5 |gray - gray seen as color, made gray|.
All pictures in [-1, 1], colors as RGB. CycleGAN's other identity, a color photo given to the coloring generator, does not
exist here: that generator takes one channel.

How to run it: `objective.needs` is "unpaired". Once, `objective.attach(colorize)`, where colorize(gray) -> Output
is generator and head; then every step draws two batches, output = colorize(gray photos) and objective(output, batch of
*other* photos, for their colors). `objective.trainable_parameters()` go into the generator's optimizer; critics as usual.
Range: >= 0.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.blocks import resnet
from colorbench.losses.critic import Critic
from colorbench.losses.inputs import bf16_autocast
from colorbench.losses.patchgan import PatchGan, gray_picture
from colorbench.losses.pixel import l1
from colorbench.tensors import Gray, Scalar

CYCLE_WEIGHT, IDENTITY_WEIGHT, POOL = 10.0, 5.0, 50


class CycleTerm(nn.Module):
    """The unpaired objective: owns the color -> gray generator and two critics.

    Args:
        width, blocks: of the second generator (CycleGAN's ResNet, 64 and 9) and the critics.
        layers: of the critics.
        cycle, identity: weights of these parts beside the adversarial one.
        pool: past fakes each critic is shown as well.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        blocks: int = 9,
        layers: int = 3,
        cycle: float = CYCLE_WEIGHT,
        identity: float = IDENTITY_WEIGHT,
        pool: int = POOL,
    ):
        super().__init__()
        self.cycle, self.identity = cycle, identity
        self.colorize: Callable[[Gray], Output] | None = None
        self.to_gray = ColorToGray(width, blocks)
        self.color_critic = Critic(PatchGan(3, width, layers, "instance"), self.show_colors, "lsgan", pool=pool)
        self.gray_critic = Critic(PatchGan(1, width, layers, "instance"), self.show_grays, "lsgan", pool=pool)

    @property
    def critics(self) -> tuple[Critic, ...]:
        """Of color pictures, of gray pictures."""
        return self.color_critic, self.gray_critic

    def trainable_parameters(self) -> Iterator[nn.Parameter]:
        """The second generator's."""
        return self.to_gray.parameters()

    def use_bf16(self) -> None:
        """Run the second generator as the first is run under a bf16 protocol."""
        self.to_gray.in_bf16 = True
        self.to_gray.to(memory_format=torch.channels_last)

    def attach(self, colorize: Callable[[Gray], Output]) -> None:
        """The generator with its head: gray `(b, 1, h, w)` in [-1, 1] -> Output."""
        self.colorize = colorize

    def forward(self, output: Output, batch: Batch) -> dict[str, Scalar]:
        if self.colorize is None:
            raise ValueError("cycle goes through the generator twice: call objective.attach(colorize) first")
        gray, color = gray_of(output), batch.rgb * 2 - 1
        fake_color, fake_gray = output.rgb.float() * 2 - 1, self.to_gray(color)
        adversarial = _sum(self.color_critic.generator_loss(fake_color), self.gray_critic.generator_loss(fake_gray))
        color_again = self.colorize(fake_gray).rgb.float() * 2 - 1
        cycle = _sum(l1(self.to_gray(fake_color), gray), l1(color_again, color))
        identity = l1(self.to_gray(gray_picture(50 * (gray + 1)) * 2 - 1), gray).mean()
        total = adversarial + self.cycle * cycle + self.identity * identity
        parts = {"adversarial": adversarial, "consistency": cycle, "identity": identity}
        return {"": total, **{name: value.detach() for name, value in parts.items()}}

    def show_colors(self, output: Output, batch: Batch) -> tuple[Tensor, Tensor]:
        """Real and fake color pictures."""
        return batch.rgb * 2 - 1, output.rgb.float() * 2 - 1

    @torch.no_grad()
    def show_grays(self, output: Output, batch: Batch) -> tuple[Tensor, Tensor]:
        """Real and fake gray pictures."""
        return gray_of(output), self.to_gray(batch.rgb * 2 - 1)


def gray_of(output: Output) -> Gray:
    """What the generator was given: the lightness an ab, luv or bins head puts back."""
    return output.lightness / 50 - 1


class ColorToGray(nn.Module):
    """RGB `(b, 3, h, w)` -> gray `(b, 1, h, w)`, both in [-1, 1]: CycleGAN's ResNet generator, any size from 8 px."""

    def __init__(self, width: int = 64, blocks: int = 9):
        super().__init__()
        if width < 1 or blocks < 0:
            raise ValueError(f"a second generator needs width >= 1 and blocks >= 0, got {width} and {blocks}")
        self.layers = resnet(3, 1, width, blocks, "instance")
        self.in_bf16 = False

    def forward(self, color: Tensor) -> Gray:
        height, width = color.shape[-2:]
        if min(height, width) < 8:
            raise ValueError(
                f"the second generator of cycle needs pictures of at least 8 px per side, got {height} x {width}"
            )
        padded = F.pad(color, (0, -width % 4, 0, -height % 4), mode="reflect")
        with bf16_autocast(padded, self.in_bf16):
            raw = self.layers(padded)
        return raw.float().tanh()[..., :height, :width]


def _sum(first: Tensor, second: Tensor) -> Scalar:
    """The two sides need not have as many pictures."""
    return first.mean() + second.mean()
