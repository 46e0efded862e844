"""PatchGAN: a convolutional critic that judges patches, and the loss of a generator that is trained against it (Isola 2017).

The network (pix2pix, appendix 6.1.2): 4x4 convolutions C64 (stride 2, no norm), C128 s2, C256 s2, C512 s1, 1 s1, padding 1,
LeakyReLU .2, weights from N(0, .02). 256 x 256 gives 30 x 30 logits. `layers` sets the number of strided convolutions
and so the receptive field.

In an objective it sees, by `view`: `ab` (default) lightness and ab / 110, 3 channels, 2.766 M parameters; `rgb` the gray
picture and the colored one as an RGB pair, 6 channels, 2.769 M, as in pix2pix. `conditional=False` drops the gray. All in
[-1, 1].
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from colorbench.batch import Batch, Output
from colorbench.blocks import FloatWeightConv2d, make_norm, start_normal
from colorbench.color import lab_to_rgb
from colorbench.losses.adversarial import PENALTY, check_mode
from colorbench.losses.critic import Critic, fitting_norm
from colorbench.tensors import AB_SCALE, PerImage

NORMS = ("batch", "instance", "none")
CHANNELS = {("ab", True): 3, ("ab", False): 2, ("rgb", True): 6, ("rgb", False): 3}


class PatchGan(nn.Module):
    """Pictures `(b, channels, h, w)` -> one logit per patch `(b, 1, h', w')`.

    Args:
        channels: of what it looks at; 3 for lightness + ab, 6 for a pair of RGB pictures.
        width: channels of the first convolution; they double up to 8 x.
        layers: strided convolutions; receptive field 16, 34, 70, 142, 286 pixels for 1..5.
        norm: `batch`, `instance` or `none`.
        spectral: spectral norm on every convolution (Miyato 2018).
    """

    def __init__(self, channels: int, width: int = 64, layers: int = 3, norm: str = "batch", spectral: bool = False):
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"unknown norm {norm!r} of a PatchGAN; known norms: {', '.join(NORMS)}")
        if channels < 1 or width < 1 or layers < 1:
            raise ValueError(
                f"a PatchGAN needs channels, width and layers of at least 1, got {channels}, {width}, {layers}"
            )
        self.channels = channels
        self.smallest_side = 3 * 2**layers  # two logits' width survives the strided part
        widths = [width * min(2**depth, 8) for depth in range(layers + 1)]
        blocks = [_block(channels, width, 2, "none", spectral)]
        for depth in range(1, layers + 1):
            blocks.append(_block(widths[depth - 1], widths[depth], 2 if depth < layers else 1, norm, spectral))
        self.blocks = nn.ModuleList(blocks)
        self.head = _convolution(widths[-1], 1, 1, True, spectral)
        self.apply(start_normal)

    def features(self, picture: Float[Tensor, "b c h w"]) -> list[Tensor]:
        """The activation of every block, first to last, without the logits."""
        if picture.ndim != 4 or picture.shape[1] != self.channels:
            raise ValueError(
                f"a PatchGAN of {self.channels} channels looks at (b, {self.channels}, h, w), got {tuple(picture.shape)}"
            )
        if min(picture.shape[-2:]) < self.smallest_side:
            raise ValueError(
                f"pictures of {picture.shape[-2]} x {picture.shape[-1]} are too small for this PatchGAN; give at least "
                f"{self.smallest_side} pixels per side or fewer layers, as in patchgan(layers=1)"
            )
        seen = []
        for block in self.blocks:
            picture = block(picture)
            seen.append(picture)
        return seen

    def forward(self, picture: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 h2 w2"]:
        return self.head(self.features(picture)[-1])


class PatchGanTerm(nn.Module):
    """A PatchGAN in an objective.

    Args:
        mode: `vanilla`, `lsgan`, `hinge`, `wgan-gp` or `r1`, or `wgan-gp-mean` or `r1-mean`: see adversarial.py.
        view: what is judged, `ab` or `rgb`.
        conditional: show the gray input beside the colors.
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
            seen, gray = colors.ab.float() / AB_SCALE, batch.gray
        else:
            seen, gray = colors.rgb.float() * 2 - 1, gray_picture(batch.lightness) * 2 - 1
        return torch.cat([gray, seen], dim=1) if self.conditional else seen


def gray_picture(lightness: Tensor) -> Tensor:
    """The picture without color of this lightness, sRGB `(b, 3, h, w)`."""
    return lab_to_rgb(torch.cat([lightness, *[torch.zeros_like(lightness)] * 2], dim=1))


def _convolution(inputs: int, outputs: int, stride: int, bias: bool, spectral: bool) -> nn.Module:
    kind = FloatWeightConv2d if spectral else nn.Conv2d
    convolution = kind(inputs, outputs, 4, stride, padding=1, bias=bias)
    return nn.utils.parametrizations.spectral_norm(convolution) if spectral else convolution


def _block(inputs: int, outputs: int, stride: int, norm: str, spectral: bool) -> nn.Sequential:
    layers: list[nn.Module] = [_convolution(inputs, outputs, stride, norm != "batch", spectral)]
    if norm != "none":
        layers.append(make_norm(norm, outputs))
    return nn.Sequential(*layers, nn.LeakyReLU(0.2))
